# What all charts share: terminal by the ending of the output, fonts, colours, scales. Called by the others:
#   gnuplot -c CHART.gp DATA.csv OUTPUT.svg|OUTPUT.png [PROGRAM]
# Colours: Okabe and Ito's palette, told apart by the colour-blind.

csv = ARG1
picture = ARG2
program = ARG3
if (strlen(csv) == 0 || strlen(picture) == 0) {
    print "usage: gnuplot -c CHART.gp DATA.csv OUTPUT.svg|OUTPUT.png [PROGRAM]"
    exit status 2
}

set encoding utf8
set datafile separator comma
set datafile columnheaders
# An unknown value leaves no gap in a line: RSS samples are rarer than the heap's rows.
set datafile missing NaN

blue = "#0072b2"; vermillion = "#d55e00"; green = "#009e73"; orange = "#e69f00"; sky = "#56b4e9"
ink = "#222222"; pale_blue = "#d6ebf8"; pale = "#dddddd"; grey = "#777777"

chart_width = 800
is_png = strlen(picture) > 4 && picture[strlen(picture)-3:] eq ".png"
# noenhanced: underscores and carets in function names are no markup.
chart_terminal(height) = is_png \
    ? sprintf("set terminal pngcairo noenhanced size %d,%d font 'DejaVu Sans,10' background '#ffffff'", chart_width, height) \
    : sprintf("set terminal svg noenhanced size %d,%d font 'DejaVu Sans,13' background '#ffffff'", chart_width, height)

set border 3 linecolor rgb grey
set tics nomirror textcolor rgb ink
set grid ytics linetype 1 linewidth 0.5 linecolor rgb pale
set key textcolor rgb ink
set title textcolor rgb ink

# Text cut to LENGTH characters.
cut(text, length) = strlen(text) > length ? text[1:length-1]."…" : text
# A chart's title: what it shows, and of which program.
titled(what) = program eq "" ? what : what."  ·  ".cut(program, 60)

# A chart without data says so and has no axes. (Commands, for `eval`: functions cannot hold any.)
say_empty(text) = "set label 1000 '".text."' at graph 0.5, 0.5 center textcolor rgb ink font ',14';" \
    ." unset xtics; unset ytics; unset border; unset xlabel; unset ylabel; unset grid; set key off"

# Bytes: the unit that makes the largest value 1 to 1024, its name, and a value as text.
byte_power(bytes) = bytes < 1024 ? 0 : bytes < 1024.0**2 ? 1 : bytes < 1024.0**3 ? 2 : bytes < 1024.0**4 ? 3 : 4
byte_unit(bytes) = word("bytes KiB MiB GiB TiB", byte_power(bytes) + 1)
byte_scale(bytes) = 1024.0**byte_power(bytes)
in_unit(value) = value >= 99.95 ? sprintf("%.0f", value) : value >= 9.995 ? sprintf("%.1f", value) : sprintf("%.2f", value)
byte_text(bytes) = bytes < 1024 ? sprintf("%.0f B", bytes) : in_unit(bytes / byte_scale(bytes))." ".byte_unit(bytes)

# The number of column NAME; callable while data is read. gnuplot takes a quoted text with a comma in it whole
# by the column's number only, not by its name.
columns_max = 40
numbered(name) = (found = 0, sum [k = 1:columns_max] (columnhead(k) eq name ? (found = k) : 0), found)
