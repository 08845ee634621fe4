"""Made-up secrets of each kind, and texts that almost are: from a seed, never from a file, so that no token
stands in the repository. Formats and checksums are written here a second time, from their documentation.

    secret_samples.py SEED COUNT      JSON lines: {"kind", "text", "secret", "real": true or false}
"""
import base64
import json
import random
import string
import sys
import zlib

HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
URL = ALNUM + "_-"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def some(rng, alphabet, count):
    """COUNT characters, with a letter and a digit where the alphabet has both."""
    while True:
        text = "".join(rng.choice(alphabet) for _ in range(count))
        if len(set(text)) > min(count, len(alphabet)) // 3:
            return text


def edged(rng, count):
    """As `some` of URL, with no sign at either end: a sign there would be cut off by \\b-like rules."""
    return rng.choice(ALNUM) + some(rng, URL, count - 2) + rng.choice(ALNUM)


def base62(number, digits):
    text = ""
    for _ in range(digits):
        number, rest = divmod(number, 62)
        text = BASE62[rest] + text
    return text


def with_checksum(rng, prefix):
    body = some(rng, ALNUM, 30)
    return prefix + body + base62(zlib.crc32(body.encode()), 6)


def unpadded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwt(rng):
    header = unpadded(json.dumps({"alg": rng.choice(["HS256", "RS256"]), "typ": "JWT"}).encode())
    body = unpadded(json.dumps({"sub": some(rng, ALNUM, 10), "iat": rng.randrange(10**9, 2 * 10**9)}).encode())
    return f"{header}.{body}.{edged(rng, 43)}"


def discord(rng):
    identity = unpadded(str(rng.randrange(10**17, 10**18)).encode())
    return f"{identity}.{edged(rng, 6)}.{edged(rng, 38)}"


def private_key(rng):
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", ""])
    lines = "\n".join(some(rng, ALNUM + "+/", 64) for _ in range(4))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def passphrase(rng):
    return f"{some(rng, string.ascii_letters, 5)}-{rng.randrange(10, 99)}-{some(rng, string.ascii_letters, 6)}"


# kind: (a real one, [what is not one])
KINDS = {
    "PRIVATE_KEY": (private_key, [lambda r: "-----BEGIN PUBLIC KEY-----\n" + some(r, ALNUM, 64)]),
    "JSON_WEB_TOKEN": (jwt, [lambda r: "eyJ" + some(r, ALNUM, 30) + "." + some(r, ALNUM, 40),
                             lambda r: "eyJ" + "A" * 20 + ".eyJ" + "A" * 20 + "." + some(r, ALNUM, 43)]),
    "AWS_ACCESS_KEY_ID": (lambda r: "AKIA" + some(r, string.ascii_uppercase + "234567", 16),
                          [lambda r: "AKIA" + some(r, string.ascii_uppercase, 15),
                           lambda r: "AKIA" + some(r, string.ascii_uppercase, 15) + "0",
                           lambda r: "AKIA" + some(r, string.ascii_uppercase, 17)]),
    "AWS_SECRET_ACCESS_KEY": (lambda r: some(r, ALNUM + "+/", 40), [lambda r: some(r, ALNUM, 39), lambda r: "a" * 40]),
    "GITHUB_TOKEN": (lambda r: with_checksum(r, r.choice(["ghp_", "gho_", "ghs_"])),
                     [lambda r: "ghp_" + some(r, ALNUM, 30) + "000000", lambda r: with_checksum(r, "ghx_")]),
    "GITHUB_FINE_GRAINED_TOKEN": (lambda r: "github_pat_" + some(r, ALNUM, 22) + "_" + some(r, ALNUM, 59),
                                  [lambda r: "github_pat_" + some(r, ALNUM, 22) + "_" + some(r, ALNUM, 58)]),
    "GITLAB_TOKEN": (lambda r: "glpat-" + edged(r, 20), [lambda r: "glpat-" + some(r, ALNUM, 19)]),
    "SLACK_TOKEN": (lambda r: f"xoxb-{some(r, string.digits, 12)}-{some(r, string.digits, 12)}-{some(r, ALNUM, 24)}",
                    [lambda r: f"xoxb-{some(r, string.digits, 5)}-{some(r, ALNUM, 24)}"]),
    "SLACK_WEBHOOK": (lambda r: "https://hooks.slack.com/services/T" + some(r, UPPER, 8) + "/B" + some(r, UPPER, 8) +
                      "/" + some(r, ALNUM, 24), [lambda r: "https://hooks.slack.com/services/T" + some(r, UPPER, 8)]),
    "STRIPE_KEY": (lambda r: r.choice(["sk_live_", "rk_live_", "sk_test_"]) + some(r, ALNUM, 24),
                   [lambda r: "sk_live_" + some(r, ALNUM, 12), lambda r: "pk_live_" + some(r, ALNUM, 24)]),
    "GOOGLE_API_KEY": (lambda r: "AIza" + edged(r, 35), [lambda r: "AIza" + some(r, ALNUM, 30)]),
    "GOOGLE_OAUTH_SECRET": (lambda r: "GOCSPX-" + edged(r, 28), [lambda r: "GOCSPX-" + some(r, ALNUM, 20)]),
    "NPM_TOKEN": (lambda r: with_checksum(r, "npm_"), [lambda r: "npm_" + some(r, ALNUM, 30) + "zzzzzz"]),
    "PYPI_TOKEN": (lambda r: "pypi-AgEIcHlwaS5vcmc" + edged(r, 90), [lambda r: "pypi-" + some(r, ALNUM, 90)]),
    "SENDGRID_KEY": (lambda r: "SG." + edged(r, 22) + "." + edged(r, 43), [lambda r: "SG." + some(r, ALNUM, 22)]),
    "TWILIO_KEY": (lambda r: r.choice(["SK", "AC"]) + some(r, HEX, 32), [lambda r: "SK" + some(r, HEX, 31) + "x"]),
    "MAILGUN_KEY": (lambda r: "key-" + some(r, HEX, 32), [lambda r: "key-" + some(r, HEX, 30)]),
    "MAILCHIMP_KEY": (lambda r: some(r, HEX, 32) + "-us12", [lambda r: some(r, HEX, 32) + "-eu12"]),
    "DISCORD_BOT_TOKEN": (discord, [lambda r: f"MT{some(r, ALNUM, 22)}.{some(r, ALNUM, 6)}.{some(r, ALNUM, 38)}"]),
    "TELEGRAM_BOT_TOKEN": (lambda r: some(r, string.digits, 9) + ":AA" + edged(r, 33),
                           [lambda r: some(r, string.digits, 9) + ":AB" + some(r, ALNUM, 33)]),
    "ANTHROPIC_API_KEY": (lambda r: "sk-ant-api03-" + edged(r, 93) + "AA", [lambda r: "sk-ant-api03-" + some(r, ALNUM, 50)]),
    "OPENAI_API_KEY": (lambda r: "sk-" + some(r, ALNUM, 20) + "T3BlbkFJ" + some(r, ALNUM, 20),
                       [lambda r: "sk-" + some(r, ALNUM, 12)]),
    "HUGGING_FACE_TOKEN": (lambda r: "hf_" + some(r, string.ascii_letters, 34), [lambda r: "hf_" + some(r, ALNUM, 20)]),
    "DIGITALOCEAN_TOKEN": (lambda r: "dop_v1_" + some(r, HEX, 64), [lambda r: "dop_v1_" + some(r, HEX, 60)]),
    "SHOPIFY_TOKEN": (lambda r: "shpat_" + some(r, HEX, 32), [lambda r: "shpat_" + some(r, HEX, 31)]),
    "DATABRICKS_TOKEN": (lambda r: "dapi" + some(r, HEX, 32), [lambda r: "dapi" + some(r, HEX, 31)]),
    "AZURE_STORAGE_KEY": (lambda r: some(r, ALNUM + "+/", 86) + "==", [lambda r: some(r, ALNUM, 80)]),
    "VAULT_TOKEN": (lambda r: "hvs." + edged(r, 95), [lambda r: "hvs." + some(r, ALNUM, 40)]),
    "NEW_RELIC_KEY": (lambda r: "NRAK-" + some(r, UPPER, 27), [lambda r: "NRAK-" + some(r, UPPER, 20)]),
    "LINEAR_API_KEY": (lambda r: "lin_api_" + some(r, ALNUM, 40), [lambda r: "lin_api_" + some(r, ALNUM, 39)]),
    "POSTMAN_API_KEY": (lambda r: "PMAK-" + some(r, HEX, 24) + "-" + some(r, HEX, 34),
                        [lambda r: "PMAK-" + some(r, HEX, 24)]),
    "DOCKER_HUB_TOKEN": (lambda r: "dckr_pat_" + edged(r, 27), [lambda r: "dckr_pat_" + some(r, ALNUM, 20)]),
    "GRAFANA_TOKEN": (lambda r: "glsa_" + some(r, ALNUM, 32) + "_" + some(r, HEX, 8),
                      [lambda r: "glsa_" + some(r, ALNUM, 32)]),
    "PASSWORD_IN_URL": (passphrase, [lambda r: "{PASSWORD}"]),
    "PASSWORD_ASSIGNMENT": (passphrase, [lambda r: "changeme" + str(r.randrange(1000)), lambda r: "aaaa1111aaaa"]),
}
# What must stand around it, where the format alone says too little.
AROUND = {
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key = {}\n",
    "AZURE_STORAGE_KEY": "AccountName=archive;AccountKey={};EndpointSuffix=core.windows.net",
    "PASSWORD_IN_URL": "postgres://report:{}@db.example.net/sales",
    "PASSWORD_ASSIGNMENT": "the password: {} as agreed",
}


def sample(kind, rng, real):
    make, misses = KINDS[kind]
    secret = make(rng) if real else rng.choice(misses)(rng)
    around = AROUND.get(kind, "It says {} in the file.")
    return {"kind": kind, "text": around.replace("{}", secret), "secret": secret, "real": real}


def main():
    rng, count = random.Random(int(sys.argv[1])), int(sys.argv[2])
    for kind in KINDS:
        for real in [True] * count + [False] * count:
            print(json.dumps(sample(kind, rng, real)))


if __name__ == "__main__":
    main()
