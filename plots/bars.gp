# Horizontal bars of bytes, each below its name. Loaded by sites.gp and leaks.gp, which set: title_text,
# bytes_column, blocks_column, axis_text, bar_colour, empty_text, bars_max.
# Rows come sorted; those without bytes are at the end and are left out.
set xrange [-1:1]
set yrange [-1:1]
set table "/dev/null"
label_column = 1; bars = 0; most = 1.0; sum = 0.0; rows = 0
see(bytes) = (label_column = numbered("label"), rows = rows + (bytes > 0), sum = sum + bytes, most = bytes > most ? bytes : most, 0)
plot csv using (see(column(bytes_column))):(0), 0
unset table
bars = rows > bars_max ? bars_max : rows

row_pixels = 40
eval chart_terminal(120 + row_pixels * (bars > 2 ? bars : 2))
set output picture
scale = byte_scale(most)
set title titled(title_text) offset 0, 0.3
set xlabel axis_text." (".byte_unit(most).")" textcolor rgb ink
set xrange [0:most / scale * 1.45]
set yrange [-(bars > 2 ? bars : 2) + 0.3:0.55]
set border 1
unset ytics
set grid noytics
set grid xtics linetype 1 linewidth 0.5 linecolor rgb pale
set key off
set lmargin 3
set rmargin 3

if (bars == 0) {
    eval say_empty(empty_text)
    plot -1000
    exit
}
if (rows > bars) {
    set label 2 sprintf("and %d more places", rows - bars) at graph 1, 0 right offset character 0, 0.7 textcolor rgb grey
}
blocks_text(blocks) = sprintf("%.0f block%s", blocks, blocks == 1 ? "" : "s")
# The share of the sum, from one decimal on.
value_text(bytes, blocks) = sprintf(" %s · %.1f %% · %s", byte_text(bytes), 100.0 * bytes / sum, blocks_text(blocks))

plot csv using (0):(-$0):(0):(column(bytes_column) / scale):(-$0 - 0.37):(-$0) every ::0::(bars - 1) \
         with boxxyerror fillstyle solid 0.85 noborder linecolor rgb bar_colour, \
     csv using (0):(-$0 + 0.25):label_column every ::0::(bars - 1) \
         with labels left offset character 0.2, 0 textcolor rgb ink, \
     csv using (column(bytes_column) / scale):(-$0 - 0.185):(value_text(column(bytes_column), column(blocks_column))) \
         every ::0::(bars - 1) with labels left textcolor rgb ink, \
     -1000 notitle
