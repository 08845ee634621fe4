. "$TESTS/lib/tap.sh"; plan 28
scanner=$BUILD/scanner
start='[Pipeline]
order = Secrets Anonymize PromptInjection
'
# says CLAIM WANT RULES: these rules behind the start are refused with this line and exit status 2
says() {
    printf '%s%s\n' "$start" "$3" >my.rules
    echo hello | "$scanner" --rules my.rules 2>said
    is "$? $(cat said)" "2 scanner: my.rules:$2" "$1"
}
says "an unknown section" "3: unknown section [Secert]; there are: Pipeline, InvisibleText, Secrets, Secret, Anonymize, Entity, BanSubstrings, PromptInjection, Words, Injection, Folding" '[Secert X]'
says "an unknown key" "4: unknown key 'regex' in [Secret]; there are: keywords, pattern, check, entropy, matches, misses" '[Secret X]
regex = a'
says "a section without its name" "3: section [Secret] needs a name, as in [Secret NAME]" '[Secret]'
says "a section that takes none" "3: section [Folding] takes no name; write [Folding]" '[Folding x]'
says "a section twice" "5: section [Secret X] was already given at my.rules:3; merge the two" '[Secret X]
pattern = a
[Secret X]'
says "an unfinished section line" "3: section '[Secret X' does not end in ']'; add it" '[Secret X'
says "a line that is neither" "4: 'pattern: a' is neither '[Section]' nor 'key = value'; start comments with #" '[Secret X]
pattern: a'
says "a required key that is missing" "3: [Secret X] has no 'pattern'; add a line 'pattern = ...'" '[Secret X]
keywords = a'
says "a key twice" "6: 'check' was already given at line 5; keep one of them" '[Secret X]
pattern = a
check = luhn
check = iban'
says "an empty value" "4: 'pattern' is ''; give it a value behind the '='" '[Secret X]
pattern ='
says "a pattern that does not compile" "4: the pattern does not compile: missing closing parenthesis at its character 3; mend it" '[Secret X]
pattern = (a'
says "an unknown check" "5: unknown check 'sum'; there are: luhn, iban, ssn, ipv4, ipv6, phone, uuid, base58check, crc32_base62, jwt, discord, assigned_secret" '[Secret X]
pattern = a
check = sum'
says "a decimal that is none" "5: 'entropy' is 'high'; give it a decimal from 0 to 100 with at most three places, such as 0.5" '[Secret X]
pattern = a
entropy = high'
says "a whole number that is none" "4: 'vault_limit' is '-4'; give it a whole number such as 1000" '[Anonymize]
vault_limit = -4'
says "a word that is not yes or no" "4: 'redact' is 'maybe'; give it 'yes' or 'no'" '[BanSubstrings]
redact = maybe'
says "a mode that there is not" "4: redact_mode is 'none'; give it 'all' or 'partial'" '[Secrets]
redact_mode = none'
says "a threshold outside" "4: threshold is 1.5; give it a value between 0 and 1, as 0.5" '[PromptInjection]
threshold = 1.5'
says "an injection rule without a phrase" "3: [Injection X] has neither 'phrase' nor 'pattern'; add one" '[Injection X]
weight = 0.5'
says "a phrase of unknown words" "5: there is no [Words] section for '<this>'; see \"Phrases\" in target/rules/schema.md" '[Injection X]
weight = 0.5
phrase = ignore <this>'
says "a phrase that begins with a gap" "5: a phrase begins and ends with a word that must be there: '..3 that'; see \"Phrases\" in target/rules/schema.md" '[Injection X]
weight = 0.5
phrase = ..3 that'
says "a phrase with a sign in it" "5: not a single word of letters and digits: 'a-b'; see \"Phrases\" in target/rules/schema.md" '[Injection X]
weight = 0.5
phrase = this a-b that'
says "a folding that is none" "4: fold is 'a b'; write 'U+0430 a' or, for a row, 'U+FF41-U+FF5A a'" '[Folding]
fold = a b'
says "bytes that are no UTF-8" "3: invalid UTF-8; save the file as UTF-8 text" "$(printf '\377')"
start='[Pipeline]
order = Secrets Toxicity
'
says "a scanner that there is not" "2: unknown scanner 'Toxicity' in order; there are: InvisibleText, Secrets, Anonymize, BanSubstrings, PromptInjection" ''
echo hello | "$scanner" --rules none.rules 2>said
is "$? $(cat said)" "2 scanner: cannot read rules file 'none.rules': No such file or directory; give --rules a readable file" "a rules file that is missing"

# Rules are data: a file of one's own replaces the built-in ones, several are read together.
printf '[Pipeline]\norder = BanSubstrings Secrets\nfail_fast = yes\n' >a.rules
printf '[BanSubstrings]\nsubstring = c++\nsubstring = Straße\nmatch_type = word\nredact = yes\n[Secret PIN]\npattern = PIN (\\d{4})\n' >b.rules
printf 'I like c++, not c++11.\nDie STRASSE und die STRAßE\nPIN 1234\nc++ PIN 1234\n' >prompts.txt
"$scanner" --rules a.rules --rules b.rules prompts.txt >out
is "$(python3 -c 'import json; [print(d["sanitized"], *d["scanners"], sep="|") for d in map(json.loads, open("out"))]')" \
    "I like [REDACTED], not c++11.|BanSubstrings
Die STRASSE und die [REDACTED]|BanSubstrings
PIN ******|BanSubstrings|Secrets
[REDACTED] PIN 1234|BanSubstrings" "own rules: words, case beyond ASCII, groups; fail_fast stops at the first invalid"
like "$("$scanner" rules test)" "^[1-9][0-9]+ examples, 0 broken$" "the built-in rules pass their own examples"
printf '[Secret PIN]\npattern = PIN (\\d{4})\nmatches = PIN 12\nmisses = PIN 1234\nmatches = PIN 1234\n' >c.rules
is "$("$scanner" rules test --rules a.rules --rules c.rules; echo $?)" "c.rules:3: PIN is not found in 'PIN 12'
c.rules:4: PIN is found, but should not be in 'PIN 1234'
3 examples, 2 broken
1" "rules test names the examples that do not hold"
