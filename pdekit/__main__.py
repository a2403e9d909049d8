"""`python -m pdekit`: the same as the command `pdekit`."""

import sys

from pdekit.cli import main

if __name__ == "__main__":
    sys.exit(main())
