"""``python -m saga.cli`` is the command ``saga``."""

import sys

from saga.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
