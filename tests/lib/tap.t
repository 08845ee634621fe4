# What the other shell tests stand on: each assertion says "not ok" where it must.
. "$TESTS/lib/tap.sh"; plan 12

# Run a test script of our own under the same library; its TAP and its status are what we look at.
verdict() {
    printf '. "$TESTS/lib/tap.sh"\n%s\n' "$1" >inner.t
    sh inner.t >inner.tap 2>inner.err
    echo "status=$?" >>inner.tap
    cat inner.tap
}
is 1 1 "equal texts are equal"
like "$(verdict 'plan 1; is 1 2 claim')" '^not ok 1 - claim$' "different texts fail"
like "$(verdict 'plan 1; is 1 2 claim')" '^status=1$' "a failed claim fails the file"
like "$(verdict 'plan 2; is 1 1 claim')" '^status=1$' "fewer claims than planned fail the file"
like "$(verdict 'plan 1; exit 0')" '^status=1$' "a test that leaves early fails"
like "$(verdict 'ok true')" '^status=1$' "a test without a plan fails"
like "$(verdict 'plan 1; todo later; is 1 2 claim')" '^not ok 1 - claim # TODO later$' "an expected failure is marked"
like "$(verdict 'plan 1; todo later; is 1 2 claim')" '^status=0$' "an expected failure does not fail the file"
like "$(verdict 'plan 2; ok "false is true" false; exits 3 "three" sh -c "exit 3"')" '^not ok 1 - false is true$' "a failing command fails"
like "$(verdict 'plan 1; unlike abc b claim')" '^not ok 1 - claim$' "a forbidden match fails"
is "$(echo '{"a": {"b": [1, 9007199254740993]}}' | json_field a.b.1)" 9007199254740993 "json_field keeps 64-bit integers"
is "$(echo '{"a": true, "b": null}' | json_field b)" null "json_field prints null as JSON does"
