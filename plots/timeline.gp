# Memory over time: live heap and RSS, marks as labelled lines.
# Data: timeline.csv, as by `memtrace plot` or `memtrace timeline --format csv TRACE`. Columns used: time_ns,
# live_bytes, rss_bytes (empty: no sample at that moment), mark (empty: none), and, where there is such a column,
# recorder_rss_bytes: what of RSS is the recorder's own (empty: unknown), which is not the program's and is taken off.
# From a sampled trace also live_bytes_low and live_bytes_high, the 95 % interval of live_bytes: drawn as a band.
#   gnuplot -c timeline.gp timeline.csv timeline.svg|timeline.png [PROGRAM]
here = ""
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq "/") { here = ARG0[1:i] } }
call here."style.gp" ARG1 ARG2 ARG3

# Look at the data once, drawing nothing; the constant keeps an empty file from being an error.
set xrange [-1:3]
set yrange [-1:1]
mark_column = 1; recorder_column = 0; low_column = 0; high_column = 0; rows = 0; samples = 0; end_ns = 1.0; most = 1.0; peak = -1.0; peak_ns = 0.0
larger(a, b) = a > b ? a : b
see(time, live) = (mark_column = numbered("mark"), recorder_column = numbered("recorder_rss_bytes"), \
    low_column = numbered("live_bytes_low"), high_column = numbered("live_bytes_high"), rows = rows + 1, end_ns = larger(end_ns, time), \
    most = larger(most, live), most = high_column > 0 ? larger(most, column(high_column)) : most, peak = live > peak ? (peak_ns = time, live) : peak, 0)
# An empty field is NaN, which equals nothing.
known(bytes) = bytes == bytes ? bytes : 0
program_rss(rss) = recorder_column > 0 ? rss - known(column(recorder_column)) : rss
see_rss(rss) = rss == rss ? (samples = samples + 1, most = larger(most, rss), 0) : NaN
set table "/dev/null"
plot csv using (see(column("time_ns"), column("live_bytes"))):(0), \
     csv using (see_rss(program_rss(column("rss_bytes")))):(0), 0
unset table

eval chart_terminal(440)
set output picture
set label 1 titled("Memory over time") at screen 0.5, 0.965 center textcolor rgb ink
if (rows == 0) {
    eval say_empty("no events were recorded")
    plot -2
    exit
}

time_power = end_ns < 1e6 ? 0 : end_ns < 1e9 ? 1 : end_ns < 3e11 ? 2 : end_ns < 2e13 ? 3 : 4
time_unit = word("µs ms s min h", time_power + 1)
array time_scales[5] = [1e3, 1e6, 1e9, 6e10, 3.6e12]
time_scale = time_scales[time_power + 1]
scale = byte_scale(most)

# Marks: a line each; a name only where the one before leaves room for it. The table holds 1 + the share of
# the time (a number that is printed without an exponent) and the name in quotes.
set table $marks
plot csv using (1 + column("time_ns") / end_ns):(0):mark_column with labels
unset table
last_mark = -1.0
do for [i = 1:|$marks|] {
    line = $marks[i]
    quote = strstrt(line, '"')
    name = quote > 0 ? line[quote + 1:strlen(line) - 1] : ""
    if (strlen(name) > 0 && line[1:1] ne "#") {
        x = word(line, 1) - 1.0
        set arrow from graph x, graph 0 to graph x, graph 1 nohead dashtype 3 linecolor rgb ink
        if (x - last_mark > 0.024) {
            set label cut(name, 28) at graph x, graph 1 rotate by 90 right front \
                offset character (x > 0.97 ? -0.8 : 0.8), -0.4 textcolor rgb ink
            last_mark = x
        }
    }
}

set xlabel "time since the start (".time_unit.")" textcolor rgb ink
set ylabel "memory (".byte_unit(most).")" textcolor rgb ink
set xrange [0:end_ns / time_scale]
set yrange [0:most / scale * 1.3]
set key at screen 0.5, screen 0.935 center top horizontal samplen 2
set lmargin 9
set rmargin 4
set tmargin 4.2
peak_left = peak_ns < 0.6 * end_ns
set label 9999 "peak ".byte_text(peak) at peak_ns / time_scale, peak / scale \
    front offset character (peak_left ? 0.6 : -0.6), 0.6 point pointtype 7 pointsize 0.8 linecolor rgb blue textcolor rgb blue
if (!peak_left) { set label 9999 right }

end_of(number) = number > 0 ? column(number) / scale : NaN
plot csv using (column("time_ns") / time_scale):(column("live_bytes") / scale) \
         with fillsteps fillstyle solid 1 noborder linecolor rgb pale_blue notitle, \
     csv using (column("time_ns") / time_scale):(end_of(low_column)):(end_of(high_column)) \
         with filledcurves fillstyle solid 0.35 noborder linecolor rgb blue notitle, \
     csv using (column("time_ns") / time_scale):(column("live_bytes") / scale) \
         with steps linewidth 2 linecolor rgb blue title (low_column > 0 ? "live heap, estimated (95 % interval)" : "live heap"), \
     csv using (column("time_ns") / time_scale):(program_rss(column("rss_bytes")) / scale) \
         with linespoints linewidth 2 pointtype 7 pointsize (samples > 60 ? 0.01 : 0.4) linecolor rgb vermillion notitle, \
     keyentry with lines linewidth 2 linecolor rgb vermillion \
         title (samples == 0 ? "RSS (not sampled)" : recorder_column > 0 ? "RSS without the recorder's own" : "RSS"), \
     -2 notitle
