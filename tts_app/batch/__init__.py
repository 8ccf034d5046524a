"""Speak every line of a JSONL file: check all of it first, then one by one, and tell the truth at the end.

jsonl -> tasks -> preflight read and judge the file; runner, journal, truth and archive do the work;
cli is the command line, service is what the web uses.
"""
