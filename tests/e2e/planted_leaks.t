# Planted leaks are named by file, line and function: in C, in C++, through an inlined function, in a template, in
# a lambda, in a library that was closed before the end.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
plan 14
sources=$TESTS/programs

verdicts() {
    python3 "$TESTS/e2e/planted_leaks.py" "$@"
}

ok "leak_c runs" record leak_c.mtr "$programs/leak_c"
"$memtrace" leaks --format json leak_c.mtr >leak_c.json
verdicts leak_c.json "$sources/leak_c.c" >c.verdicts
like "$(cat c.verdicts)" '^found leak_c.c:[0-9]+ copy_name 10 80$' "malloc in a helper"
like "$(cat c.verdicts)" '^found leak_c.c:[0-9]+ grow_and_forget 1 5000$' "realloc"
like "$(cat c.verdicts)" '^found leak_c.c:[0-9]+ descend 1 333$' "at the bottom of a recursion"
is "$(grep -c . c.verdicts)" 3 "and no other leak"
is "$(metric leaked_bytes leak_c.mtr)" 5413 "metrics: the planted bytes, no more"
is "$(metric leaked_allocations leak_c.mtr)" 12 "metrics: the planted blocks, no more"

ok "leak_cpp runs" record leak_cpp.mtr "$programs/leak_cpp"
"$memtrace" leaks --format json leak_cpp.mtr >leak_cpp.json
verdicts leak_cpp.json "$sources/leak_cpp.cpp" "$sources/liblineleak.c" >cpp.verdicts
like "$(cat cpp.verdicts)" '^found leak_cpp.cpp:[0-9]+ make_numbers ' "new[] in an inlined function"
like "$(cat cpp.verdicts)" '^found leak_cpp.cpp:[0-9]+ planted::holder<long>::reset ' "new in a template"
like "$(cat cpp.verdicts)" '^found leak_cpp.cpp:[0-9]+ operator\(\) ' "malloc in a lambda"
like "$(cat cpp.verdicts)" '^found liblineleak.c:[0-9]+ library_leak ' "in a library that was closed"
unlike "$(cat cpp.verdicts)" '^(extra|missing)' "and no other leak"

line=$(grep -n 'LEAK copy_name' "$sources/leak_c.c" | cut -d: -f1)
like "$("$memtrace" leaks leak_c.mtr)" "copy_name.*leak_c\.c:$line" "the text names them, too"
