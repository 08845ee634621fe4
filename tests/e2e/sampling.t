# Sampled traces of a load of known figures, over many seeds: the stated intervals hold as often as they say, and
# the estimates are unbiased. SEEDS=1000 (make check-sampling): the load has 4 GiB, and 930 runs must hold.
. "$TESTS/lib/tap.sh"
seeds=${SEEDS:-40}

# load "claim" RATE ROUNDS: every line of the script's is a claim.
load() {
    least=$((seeds * 93 / 100))
    # Of 40 runs 95 % are 38; fewer than 31 come once in 20,000 times.
    [ "$seeds" -ge 1000 ] || least=$((seeds - seeds / 4 + 1))
    python3 "$TESTS/e2e/sampling.py" "$BUILD" "$seeds" "$2" "$3" "$least" >out.tap 2>script.err || diag "$(tail -n 3 script.err)"
    while IFS= read -r line; do
        case $line in
        ok*) pass "$1: ${line#* - }" ;;
        not*) fail "$1: ${line#* - }" ;;
        1..*) whole=yes ;;
        esac
    done <out.tap
    is "${whole:-no}" yes "$1: the script came to its end"
    whole=
}
if [ "$seeds" -ge 1000 ]; then
    load "4 GiB at 512 KiB" 524288 1239
else
    load "1 GiB at 512 KiB" 524288 310
fi
load "few samples: 128 MiB at 8 MiB" 8388608 39
[ "$seeds" -ge 1000 ] || { seeds=3 && load "4 GiB at 512 KiB" 524288 1239; }
done_testing
