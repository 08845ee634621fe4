# What was outstanding at the end, by the place that allocated it.
# Data: leaks.csv of `memtrace plot`, one row a place, sorted by bytes. Columns used: bytes, blocks, label.
#   gnuplot -c leaks.gp leaks.csv leaks.svg|leaks.png [PROGRAM]
here = ""
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq "/") { here = ARG0[1:i] } }
call here."style.gp" ARG1 ARG2 ARG3
title_text = "Outstanding at the end"
bytes_column = "bytes"; blocks_column = "blocks"
axis_text = "live at the end"
bar_colour = vermillion
empty_text = "no block was outstanding at the end"
bars_max = 12
load here."bars.gp"
