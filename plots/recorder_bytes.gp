# What recording writes: bytes an event, by load.
# Data: recorder_bytes.csv of tests/bench/recorder.py (make bench-recorder), one row a load. Columns: load,
# raw_bytes_per_event, compact_bytes_per_event, heaptrack_bytes_per_event ("none" where there is no figure).
#   gnuplot -c recorder_bytes.gp recorder_bytes.csv recorder_bytes.svg|recorder_bytes.png
here = ""
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq "/") { here = ARG0[1:i] } }
call here."style.gp" ARG1 ARG2 ARG3
chart_width = 1200
eval chart_terminal(440)
set output picture
set title titled("Bytes written for an event")
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set yrange [0:*]
set ylabel "bytes an event"
set xtics rotate by -30 scale 0
set key top right horizontal
set rmargin 8
set offsets 0, 0.3, 0, 0
figure(name) = strcol(name) ne "none" ? real(strcol(name)) : NaN
label(name) = strcol(name) ne "none" ? sprintf("%.1f", real(strcol(name))) : ""
plot csv using (figure("raw_bytes_per_event")):xtic(1) title "trace" linecolor rgb blue, \
     "" using (figure("compact_bytes_per_event")) title "trace, compact" linecolor rgb sky, \
     "" using (figure("heaptrack_bytes_per_event")) title "heaptrack's file" linecolor rgb orange, \
     "" using ($0 - 0.25):(figure("raw_bytes_per_event")):(label("raw_bytes_per_event")) \
        with labels offset 0,0.6 font ",8" textcolor rgb ink notitle, \
     "" using ($0 + 0.25):(figure("heaptrack_bytes_per_event")):(label("heaptrack_bytes_per_event")) \
        with labels offset 0,0.6 font ",8" textcolor rgb ink notitle
