# Hostile programs, plain and recorded: group "descriptors" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" descriptors
