. "$TESTS/lib/tap.sh"; plan 4
# Samples are made from a seed by tests/target/secret_samples.py, formats and checksums written there anew.
python3 "$TESTS/target/secret_samples.py" 1 12 >samples.jsonl
"$BUILD/scanner" samples.jsonl >answers
python3 - >figures <<'END'
import json
right = wrong = missed = 0
kinds, texts = set(), []
for sample, answer in zip(map(json.loads, open("samples.jsonl")), map(json.loads, open("answers"))):
    start = sample["text"].encode().index(sample["secret"].encode())
    spans = {(e["type"], e["start"], e["end"]) for e in answer["entities"] if e["scanner"] == "Secrets"}
    hit = (sample["kind"], start, start + len(sample["secret"].encode())) in spans
    kinds.add(sample["kind"])
    right += hit and sample["real"]
    missed += sample["real"] and not hit
    wrong += any(kind == sample["kind"] for kind, _, _ in spans) and not sample["real"]
    if sample["real"] and sample["secret"] in answer["sanitized"]: texts.append(sample["kind"])
print(len(kinds) >= 20, missed, wrong, texts)
print(f"# {len(kinds)} kinds, {right} found, {missed} missed, {wrong} near misses taken for real")
END
tail -n 1 figures
is "$(head -n 1 figures | cut -d' ' -f1)" True "at least 20 kinds"
is "$(head -n 1 figures | cut -d' ' -f2)" 0 "every real one is found, with its kind and its exact range"
is "$(head -n 1 figures | cut -d' ' -f3)" 0 "no near miss is taken for its kind"
is "$(head -n 1 figures | cut -d' ' -f4-)" "[]" "none is left in the sanitized text"
