# What recording costs: wall time over that of the plain run, by load; logarithmic.
# Data: recorder_cost.csv of tests/bench/recorder.py (make bench-recorder), one row a load. Columns: load,
# exact_wall_ratio, sampled_wall_ratio, run_wall_ratio, heaptrack_wall_ratio ("none" where a tool did not finish or is
# not there).
#   gnuplot -c recorder_cost.gp recorder_cost.csv recorder_cost.svg|recorder_cost.png
here = ""
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq "/") { here = ARG0[1:i] } }
call here."style.gp" ARG1 ARG2 ARG3
chart_width = 1200
eval chart_terminal(480)
set output picture
set title titled("Wall time when recorded, times that of the plain run")
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set logscale y 10
set yrange [0.9:*]
set ylabel "times the plain run's wall time (logarithmic)"
set xtics rotate by -30 scale 0
set key top right horizontal
set rmargin 8
set offsets 0, 0.3, 0, 0
ratio_text(ratio) = ratio >= 10 ? sprintf("%.0f", ratio) : ratio >= 2 ? sprintf("%.1f", ratio) : sprintf("%.2f", ratio)
ratio(name) = strcol(name) ne "none" ? real(strcol(name)) : NaN
label(name) = strcol(name) ne "none" ? ratio_text(real(strcol(name))) : ""
plot csv using (ratio("exact_wall_ratio")):xtic(1) title "memtrace" linecolor rgb blue, \
     "" using (ratio("sampled_wall_ratio")) title "memtrace, 512 KiB samples" linecolor rgb sky, \
     "" using (ratio("run_wall_ratio")) title "memtrace run" linecolor rgb green, \
     "" using (ratio("heaptrack_wall_ratio")) title "heaptrack" linecolor rgb orange, \
     "" using ($0 - 0.3):(ratio("exact_wall_ratio")):(label("exact_wall_ratio")) \
        with labels offset 0,0.6 font ",8" textcolor rgb ink notitle, \
     "" using ($0 + 0.3):(ratio("heaptrack_wall_ratio")):(label("heaptrack_wall_ratio")) \
        with labels offset 0,0.6 font ",8" textcolor rgb ink notitle
