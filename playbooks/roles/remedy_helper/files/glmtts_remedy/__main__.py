"""Entry point of the zipapp."""

import sys

from glmtts_remedy.cli import main

sys.exit(main(sys.argv[1:]))
