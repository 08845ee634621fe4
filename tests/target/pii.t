. "$TESTS/lib/tap.sh"; plan 7
scanner=$BUILD/scanner
# Numbers at random, of the right shape; whether they are real is decided by Python's own arithmetic.
cat >make.py <<'END'
import hashlib, ipaddress, json, random, string
rng = random.Random(5)
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
IBAN = {"DE": 22, "FR": 27, "GB": 22, "NO": 15, "MT": 31, "NL": 18}

def luhn(number):
    digits = [int(d) for d in number][::-1]
    return (sum(digits[::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])) % 10 == 0

def card():
    prefix = rng.choice(["4", "51", "6011", "2221", "3530"])
    number = prefix + "".join(rng.choice(string.digits) for _ in range(16 - len(prefix)))
    if rng.random() < 0.5: number = next(n for n in (number[:-1] + d for d in string.digits) if luhn(n))
    return " ".join(number[i:i + 4] for i in range(0, 16, 4)), luhn(number)

def mod97(text):
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1

def iban():
    country = rng.choice(list(IBAN))
    rest = "".join(rng.choice(string.digits) for _ in range(IBAN[country] - 4))
    check = 98 - int("".join(str(int(c, 36)) for c in rest + country + "00")) % 97
    text = f"{country}{(check + rng.choice([0, 0, 1])) % 97:02}{rest}"
    return text, mod97(text)

def bitcoin():
    data = bytes([rng.choice([0, 5])]) + rng.randbytes(20)
    sum4 = hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
    real = rng.random() < 0.5
    number = int.from_bytes(data + (sum4 if real else bytes(4)), "big")
    text = ""
    while number:
        number, rest = divmod(number, 58)
        text = BASE58[rest] + text
    return "1" * (data[0] == 0) + text, real

def ssn():
    area, group, serial = rng.choice([0, 1, 665, 666, 667, 899, 900, 999, rng.randrange(1000)]), rng.randrange(3), rng.randrange(3)
    return f"{area:03}-{group:02}-{serial:04}", area not in (0, 666) and area < 900 and group > 0 and serial > 0

def address():
    if rng.random() < 0.5:
        text = ".".join(str(rng.choice([0, 9, 99, 255, 256, 300])) for _ in range(4))
    else:
        text = str(ipaddress.IPv6Address(rng.getrandbits(128) & rng.getrandbits(128) & ~(0xffffffff << rng.randrange(96))))
        text = rng.choice([text, text + ":1:2:3:4:5:6:7:8", text.upper()])
    try:
        ipaddress.ip_address(text)
        return text, True
    except ValueError:
        return text, False

MAKERS = {"CREDIT_CARD": card, "IBAN_CODE": iban, "CRYPTO": bitcoin, "US_SSN": ssn, "IP_ADDRESS": address}
for kind, make in MAKERS.items():
    for _ in range(400):
        text, real = make()
        print(json.dumps({"text": f"He wrote {text} on the slip.", "kind": kind, "value": text, "real": real}))
END
python3 make.py >samples.jsonl
"$scanner" --vault-limit 0 samples.jsonl >answers
cat >judge.py <<'END'
import json, sys
kind, wrong, real, other = sys.argv[1], [], 0, 0
for sample, answer in zip(map(json.loads, open("samples.jsonl")), map(json.loads, open("answers"))):
    if sample["kind"] != kind: continue
    real, other = real + sample["real"], other + (not sample["real"])
    spans = [(e["start"], e["end"]) for e in answer["entities"] if e["type"] == kind]
    if spans != ([(9, 9 + len(sample["value"]))] if sample["real"] else []): wrong.append(sample["value"])
print(wrong[:5], real > 30, other > 30)
END
for kind in CREDIT_CARD IBAN_CODE CRYPTO US_SSN IP_ADDRESS; do
    is "$(python3 judge.py "$kind")" "[] True True" "$kind: exactly the real ones of 400, by Python's arithmetic"
done

printf 'a@x.example b@x.example a@x.example\nb@x.example c@x.example, call (212) 555-0142 or +44 20 7946 0958\n' >people.txt
is "$("$scanner" people.txt | python3 -c 'import json,sys; [print(json.loads(l)["sanitized"]) for l in sys.stdin]')" \
    "[REDACTED_EMAIL_ADDRESS_1] [REDACTED_EMAIL_ADDRESS_2] [REDACTED_EMAIL_ADDRESS_1]
[REDACTED_EMAIL_ADDRESS_2] [REDACTED_EMAIL_ADDRESS_3], call [REDACTED_PHONE_NUMBER_1] or [REDACTED_PHONE_NUMBER_2]" \
    "placeholders are numbered by type and reused for a known value, over all prompts"
is "$("$scanner" --vault-limit 1 people.txt | python3 -c 'import json,sys; print(json.loads(sys.stdin.readline())["sanitized"])')" \
    "[REDACTED_EMAIL_ADDRESS_1] [REDACTED_EMAIL_ADDRESS_2] [REDACTED_EMAIL_ADDRESS_3]" \
    "a vault with a bound forgets the oldest and never gives its number again"
