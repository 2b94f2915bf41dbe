"""Compare the methods of value and churn on the end of your own history, as `segmentry backtest` does."""

import sys

from segmentry.cli import main

if __name__ == "__main__":
    sys.exit(main(["backtest", *sys.argv[1:]]))
