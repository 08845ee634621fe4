# Hostile programs, plain and recorded: group "rights" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" rights
