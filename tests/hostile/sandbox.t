# Hostile programs, plain and recorded: group "sandbox" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" sandbox
