# Hostile programs, plain and recorded: group "fork" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" fork
