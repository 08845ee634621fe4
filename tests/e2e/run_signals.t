# Signals: run_signals.py says which, and prints the claims.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
trap - EXIT
exec python3 "$TESTS/e2e/run_signals.py" "$memtrace" "$programs/signal_log"
