# Hostile programs, plain and recorded: group "modules" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" modules
