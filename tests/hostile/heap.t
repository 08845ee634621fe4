# Hostile programs, plain and recorded: group "heap" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" heap
