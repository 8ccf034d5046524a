"""`python -m tts_app`."""

import sys

from tts_app.cli import main

if __name__ == "__main__":
    sys.exit(main())
