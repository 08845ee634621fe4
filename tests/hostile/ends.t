# Hostile programs, plain and recorded: group "ends" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" ends
