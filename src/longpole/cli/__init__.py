"""The command line: parse, call Project, print."""
