# The report: one screen with what a person looks for first.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"

# within FILE: 24 to 40 lines, none wider than 100 columns
within() {
    awk 'length($0) > 100 { wide++ } END { print (NR >= 16 && NR <= 40 && !wide) ? "fits" : NR " lines, " wide + 0 " too wide" }' "$1"
}

record leak.mtr "$programs/leak_c" >/dev/null
"$memtrace" report leak.mtr >report.txt
is "$(within report.txt)" fits "it fits a screen"
report=$(cat report.txt)
like "$report" "^$programs/leak_c" "it begins with the command line"
like "$report" "pid $(metric pid leak.mtr), started 20[0-9-]+ [0-9:]+ UTC, ran [0-9.]+ [mu]?s, exit status 0" "and how it ran"
like "$report" "complete: [0-9,]+ events, none lost" "it says that nothing is missing"
like "$report" "[^0-9]$(metric allocations leak.mtr | sed 's/\(.*\)\(...\)$/\1,\2/') allocations of " "the allocations"
like "$report" "RSS  +peak [0-9.]+ MiB" "RSS next to the heap"
like "$report" "copy_name leak_c\.c:[0-9]+" "the leak's function and line"
like "$report" "<- .*leak_c\.c:[0-9]+" "and who called it"
like "$report" "memtrace leaks leak.mtr" "what to ask next"

for how in exit=3:"exit status 3" _exit=4:"ended by _exit\(4\)" quick_exit=5:"ended by quick_exit\(5\)" \
    abort=0:"ended by abort" raw=0:"its end was not seen"; do
    end=${how%%=*}
    code=${how#*=}
    record "$end.mtr" "$programs/ends" "$end" "${code%%:*}" >/dev/null 2>&1
    like "$("$memtrace" report "$end.mtr")" "${how#*:}" "how it ended: $end"
done

record quiet.mtr "$programs/quiet"
"$memtrace" report quiet.mtr >quiet.txt
like "$(cat quiet.txt)" "No allocation was recorded" "a trace without events is explained"
like "$(cat quiet.txt)" "memtrace run -- PROGRAM" "with what to do"

# What is not whole: the recording, or the file.
MEMTRACE_LIMIT=512K record limit.mtr "$programs/ten_million" 300000 >/dev/null
like "$("$memtrace" report limit.mtr)" "NOT COMPLETE: recording stopped .*reached its limit" "the limit is told"
cp leak.mtr cut.mtr
chmod u+w cut.mtr
truncate -s 70000 cut.mtr
"$memtrace" report cut.mtr >cut.txt
like "$(cat cut.txt)" "NOT COMPLETE: the file's end is missing" "a file that was cut is at fault itself"
cp leak.mtr damaged.mtr
chmod u+w damaged.mtr
printf '\014' | dd of=damaged.mtr bs=1 seek=$((65536 + 128)) conv=notrunc status=none
"$memtrace" report damaged.mtr >damaged.txt
like "$(cat damaged.txt)" "NOT COMPLETE: the file is damaged" "and so is a damaged one"
like "$(cat damaged.txt)" "damaged in 1 place:" "with the number of places"
unlike "$(cat cut.txt damaged.txt)" "recording stopped" "the recorder did its work"

# Another build of the program on disk: no names are guessed, and it is said.
cp "$programs/leak_c" copy
record copy.mtr ./copy >/dev/null
cp "$programs/linked_list" copy
"$memtrace" report copy.mtr >copy.txt
like "$(cat copy.txt)" "copy\+0x[0-9a-f]+" "addresses stand for the names"
like "$(cat copy.txt)" "another build of it is on disk" "and the reason is said"
unlike "$(cat copy.txt)" "copy_name|linked_list\.c" "nothing is guessed"
mv copy.mtr "a copy's.mtr"
like "$("$memtrace" report "a copy's.mtr")" "memtrace sites 'a copy'\\\\''s\.mtr' " "what to ask next can be copied into a shell"
mv "a copy's.mtr" copy.mtr
rm copy
like "$("$memtrace" sites copy.mtr)" "copy\+0x[0-9a-f]+ \(its file cannot be read\)" "a file that is gone is said to be"
done_testing
