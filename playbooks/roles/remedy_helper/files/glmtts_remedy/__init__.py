"""The one program the remediation identity may run as root on a speech host.

Standard library only, Python 3.9 or later, installed as a single zipapp. A closed list of verbs; every
answer is one JSON object on stdout; `cli.py` lists the verbs, `errors.py` the exit codes.
"""
