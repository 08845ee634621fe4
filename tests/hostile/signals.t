# Hostile programs, plain and recorded: group "signals" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" signals
