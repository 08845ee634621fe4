. "$TESTS/lib/tap.sh"; plan 5
scanner=$BUILD/scanner
samples=$TESTS/../target/samples/prompts.jsonl
checked() {
    valgrind -q --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all --error-exitcode=99 \
        --log-file=valgrind.log "$@" >answers 2>said
    echo "$?"
    cat valgrind.log >&2
}
# --no-jit: PCRE2's machine code reads whole vectors past the ends of texts, which valgrind cannot know to be harmless.
is "$(checked "$scanner" --no-jit "$samples")" 1 "262 prompts without an error or a block that is not freed"
printf 'a \377 line\0 of bytes\n\n\r\n' >bytes.txt
is "$(checked "$scanner" --no-jit --vault-limit 2 --format text bytes.txt)" 0 "so are repaired bytes"
printf '[Pipeline]\norder = Secrets\n[Secret X]\npattern = (' >bad.rules
is "$(checked "$scanner" --rules bad.rules bytes.txt)" 2 "and rules that are refused half way"
is "$(checked "$scanner" --no-jit rules test)" 0 "and the rules' own examples"
valgrind --leak-check=full --log-file=valgrind.log "$scanner" "$samples" >answers
ok "with machine code nothing is definitely lost" \
    sh -c 'grep -q "All heap blocks were freed\|definitely lost: 0 bytes" valgrind.log'
