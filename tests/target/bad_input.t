. "$TESTS/lib/tap.sh"; plan 21
scanner=$BUILD/scanner

# refused CLAIM PATTERN COMMAND...: exit status 2, exactly one line on stderr, and it says this
refused() {
    claim=$1 pattern=$2
    shift 2
    exits 2 "$claim: exit status 2" "$@"
    "$@" 2>said >answers
    if [ "$(wc -l <said)" = 1 ]; then like "$(cat said)" "$pattern" "$claim: one clear line"
    else is "$(cat said)" "one line" "$claim: one clear line"; fi
}
refused "a missing file" "^scanner: cannot open 'none.txt': No such file" "$scanner" none.txt
refused "a directory" "^scanner: cannot read '\\.' behind line 0: Is a directory" "$scanner" .
refused "an unknown option" "^scanner: unknown option '--colour'; see scanner --help" "$scanner" --colour
refused "a format that is none" "^scanner: --format is 'xml'; give it json or text" "$scanner" --format xml
refused "an input form that is none" "^scanner: --input is 'csv'; give it auto, lines or jsonl" "$scanner" --input csv
refused "an option without its value" "needs a value" "$scanner" --rules
refused "a limit that is no number" "^scanner: --vault-limit is '-1'; give it a whole number" "$scanner" --vault-limit -1

printf '{"text": "fine"}\n{"text": 7}\n' >bad.jsonl
refused "a JSON line without a text" "^scanner: bad\\.jsonl:2: .*no string \"text\"" "$scanner" bad.jsonl
is "$(wc -l <answers)" 1 "the prompts before it were answered"
printf '{"text": "cut off\n' >cut.jsonl
refused "a broken JSON line" "^scanner: cut\\.jsonl:1: not a JSON line: " "$scanner" --input jsonl cut.jsonl
if [ -e /dev/full ]; then
    yes 'What is a quince?' | head -n 100 >many.txt
    "$scanner" many.txt >/dev/full 2>said
    is "$? $(cat said)" "2 scanner: cannot write to standard output: No space left on device; make room there" \
        "a full disk is told"
else
    skip 1 "no /dev/full here"
fi
"$scanner" --help >help.out
is "$?" 0 "--help exits 0"
