# Hostile programs, plain and recorded: group "threads" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" threads
