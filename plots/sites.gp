# The places behind the peak: what each had live at that moment.
# Data: sites.csv of `memtrace plot`, one row a place, sorted by peak_bytes. Columns used: peak_bytes,
# peak_blocks, label.
#   gnuplot -c sites.gp sites.csv sites.svg|sites.png [PROGRAM]
here = ""
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq "/") { here = ARG0[1:i] } }
call here."style.gp" ARG1 ARG2 ARG3
title_text = "What was live at the peak"
bytes_column = "peak_bytes"; blocks_column = "peak_blocks"
axis_text = "live at the peak"
bar_colour = blue
empty_text = "nothing was live at the peak: no allocation was recorded"
bars_max = 12
load here."bars.gp"
