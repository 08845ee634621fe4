# Hostile programs, plain and recorded: group "programs" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" programs
