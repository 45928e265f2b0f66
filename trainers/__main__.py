"""`python -m trainers`: train once, without a server."""

import sys

from trainers.cli import train

if __name__ == "__main__":
    sys.exit(train(sys.argv[1:]))
