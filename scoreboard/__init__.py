"""Outside judges: test suites that nobody here wrote, run against this package. `python -m scoreboard`."""
