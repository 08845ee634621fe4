# How often which size was asked for, and how many bytes that made: size classes are powers of two.
# Data: size_histogram.csv of `memtrace plot`. Columns used: low_bytes, high_bytes (of the class, inclusive),
# allocations, allocated_bytes.
#   gnuplot -c size_histogram.gp size_histogram.csv size_histogram.svg|size_histogram.png [PROGRAM]
here = ""
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq "/") { here = ARG0[1:i] } }
call here."style.gp" ARG1 ARG2 ARG3

set xrange [-1:1]
set yrange [-1:1]
set table "/dev/null"
rows = 0; most_bytes = 1.0; most_allocations = 1.0
larger(a, b) = a > b ? a : b
see(allocations, bytes) = (rows = rows + 1, most_allocations = larger(most_allocations, allocations), \
    most_bytes = larger(most_bytes, bytes), 0)
plot csv using (see(column("allocations"), column("allocated_bytes"))):(0), 0
unset table

eval chart_terminal(520)
set output picture
scale = byte_scale(most_bytes)
count_power = most_allocations < 1e4 ? 0 : most_allocations < 1e7 ? 1 : 2
count_unit = word("- (thousands) (millions)", count_power + 1)
count_unit = count_power == 0 ? "" : " ".count_unit
set key off
set lmargin 9
set rmargin 3
set style fill solid 0.85 noborder
set boxwidth 0.8
set xrange [-0.7:(rows > 0 ? rows : 1) - 0.3]
short_text(bytes) = bytes < 1024 ? sprintf("%.0f", bytes) : sprintf("%.0f %s", bytes / byte_scale(bytes), byte_unit(bytes)[1:1])
class_text(low, high) = short_text(low)
if (rows == 0) {
    eval say_empty("no allocation was recorded")
    set title titled("Requested sizes")
    plot -1
    exit
}

set multiplot layout 2, 1 margins 0.11, 0.97, 0.15, 0.92 spacing 0, 0.08
set title titled("Requested sizes") offset 0, 0.2
set ylabel "allocations".count_unit textcolor rgb ink
set yrange [0:most_allocations / 1e3**count_power * 1.05]
set xtics format ""
plot csv using 0:(column("allocations") / 1e3**count_power):xticlabels("") with boxes linecolor rgb blue, -1
unset title
set ylabel "bytes in all (".byte_unit(most_bytes).")" textcolor rgb ink
set yrange [0:most_bytes / scale * 1.05]
set xlabel "requested size from (bytes; K, M: 1024, 1024²)" textcolor rgb ink
if (rows > 14) { set xtics rotate by 45 right } else { set xtics norotate center }
plot csv using 0:(column("allocated_bytes") / scale):xticlabels(class_text(column("low_bytes"), column("high_bytes"))) \
    with boxes linecolor rgb orange, -1
unset multiplot
