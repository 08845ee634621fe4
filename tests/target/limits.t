. "$TESTS/lib/tap.sh"; plan 7
scanner=$BUILD/scanner
printf '[Pipeline]\norder = Secrets\nmatch_limit = 10000\n[Secret SLOW]\npattern = (?:a+)+[0-9]\n' >slow.rules
printf 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\nfine\n' >slow.txt
for option in --no-jit --format=json; do
    is "$("$scanner" $option --rules slow.rules slow.txt | python3 -c 'import json,sys; print(*[json.loads(l)["scanners"]["Secrets"] for l in sys.stdin], sep="\n")')" \
        "{'valid': False, 'risk_score': 1.0, 'score': 1.0, 'undecided': True}
{'valid': True, 'risk_score': -1.0, 'score': 0.0}" "a pattern at its match limit is undecided, never valid ($option)"
done

# One line of 20 MB with findings at both ends, and one of what the patterns like to begin with.
python3 - <<'END'
filler = "The quince is a fruit that nobody eats raw, and for good reason. "
with open("long.txt", "w") as out:
    out.write("a@b.example " + filler * (20_000_000 // len(filler)) + "AKIAIOSFODNN7EXAMPLE\n")
with open("nasty.txt", "w") as out:
    for piece in ["a@", "1.", "4111 ", "+1 ", "ab:", "eyJa.", "-----BEGIN RSA PRIVATE KEY-----", "://a:", "password = ", "0", "GB82 ", "A.", "\u200b"]:
        out.write(piece * (1_000_000 // len(piece)) + "\n")
END
"$scanner" long.txt >answer
is "$(python3 -c '
import json
answer, text = json.load(open("answer")), open("long.txt", "rb").read()
print([text[e["start"]:e["end"]].decode() for e in answer["entities"]], len(answer["sanitized"]) > 19_000_000)')" \
    "['AKIAIOSFODNN7EXAMPLE', 'a@b.example'] True" "a line of 20 MB is answered in full"
ok "lines of a megabyte made of the beginnings of patterns end within a minute" timeout 60 sh -c "'$scanner' nasty.txt >answers; [ \$? -le 1 ]"
is "$(wc -l <answers)" 13 "and each is answered"

# The machine code and the interpreter agree.
"$scanner" "$TESTS/../target/samples/prompts.jsonl" >compiled
"$scanner" --no-jit "$TESTS/../target/samples/prompts.jsonl" >interpreted
ok "with and without machine code the answers are the same" cmp compiled interpreted

# Memory that is refused ends in one clear line, not in a crash.
(ulimit -v 60000; "$scanner" long.txt >answer 2>said)
like "$? $(cat said)" '^2 scanner: (out of memory on a prompt of [0-9]+ bytes; split it|cannot read .*: Cannot allocate memory;)' \
    "too little memory is told"
