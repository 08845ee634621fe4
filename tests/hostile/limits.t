# Hostile programs, plain and recorded: group "limits" of tests/hostile/cases.py.
exec python3 "$TESTS/hostile/suite.py" limits
