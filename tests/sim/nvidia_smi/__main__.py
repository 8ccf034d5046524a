"""Entry point of the installed program."""

from __future__ import annotations

import sys

from .program import main

sys.exit(main(sys.argv[1:]))
