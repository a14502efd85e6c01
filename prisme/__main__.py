"""`python -m prisme` is `prisme`."""

import sys

from prisme.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
