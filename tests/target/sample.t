. "$TESTS/lib/tap.sh"; plan 5
samples=$TESTS/../target/samples

"$BUILD/scanner" "$samples/prompts.jsonl" >answers
is "$?" 1 "the sample holds invalid prompts"
python3 - "$samples/prompts.jsonl" answers >differences <<'END'
import json, sys
prompts, answers = ([json.loads(line) for line in open(name, encoding="utf-8")] for name in sys.argv[1:])
assert len(prompts) == len(answers), (len(prompts), len(answers))
for prompt, answer in zip(prompts, answers):
    found = sorted({entity["type"] for entity in answer["entities"]})
    if (prompt["id"], prompt["expect"], not prompt["expect"]) != (answer["id"], found, answer["valid"]):
        print(prompt["id"], "expected", prompt["expect"], "found", found)
END
is "$(cat differences)" "" "what is found is what is expected, prompt by prompt"
is "$(python3 - "$samples/prompts.jsonl" <<'END'
import json, sys
texts = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
print(len(texts) >= 240, len({t["id"] for t in texts}) == len({t["text"] for t in texts}) == len(texts),
      sum(not t["expect"] for t in texts) >= 100)
END
)" "True True True" "at least 240 prompts, no two alike, at least 100 of them clean"
python3 "$samples/plain_lines.py" "$samples/prompts.jsonl" >lines
ok "prompts.txt is derived from prompts.jsonl" cmp lines "$samples/prompts.txt"

# What a hosting service would take for a live token must not stand in the files as it is.
not_ok "no token stands in the files in the clear" grep -E \
    'gh[pousr]_[A-Za-z0-9]{20}|xox[bpars]-[0-9]|[sr]k_(live|test)_|AIza[A-Za-z0-9_-]{30}|glpat-|SG\.[A-Za-z0-9_-]{20}|npm_[A-Za-z0-9]{30}|hooks\.slack\.com/services|sk-ant-|T3BlbkFJ|BEGIN [A-Z ]*PRIVATE KEY' \
    "$samples/prompts.jsonl" "$samples/prompts.txt"
