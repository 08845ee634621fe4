# Peak RSS is the program's own. Linux keeps ru_maxrss across exec: a small program started by a large one would be told
# to have been as large.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
plan 3
cat >large.py <<'PY'
import os, subprocess, sys
ballast = b"x" * (200 << 20)
subprocess.run(["/bin/true"], env={**os.environ, "LD_PRELOAD": sys.argv[1], "MEMTRACE_OUTPUT": "small.mtr"})
PY
python3 large.py "$BUILD/libmemtrace.so"
peak=$(metric peak_rss_bytes small.mtr)
ok "a small child of a 200 MiB parent has a small peak ($peak)" awk -v peak="$peak" 'BEGIN { exit !(peak > 500000 && peak < 50000000) }'
record large.mtr /usr/bin/python3 -c 'ballast = b"x" * (100 << 20); del ballast'
peak=$(metric peak_rss_bytes large.mtr)
ok "a peak between two samples is found ($peak)" [ "$peak" -gt 104857600 ]
"$memtrace" run --quiet -o run.mtr -- /usr/bin/python3 -c 'ballast = b"x" * (100 << 20); del ballast'
peak=$(metric peak_rss_bytes run.mtr)
ok "and under memtrace run ($peak)" [ "$peak" -gt 104857600 ]
