"""`python -m kerasconv.cli`."""

from kerasconv.cli import main

main()
