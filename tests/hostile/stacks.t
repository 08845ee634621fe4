# Hostile programs, plain and recorded: group "stacks" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" stacks
