"""Write the explanations that are missing in a warehouse, as `segmentry explain` does."""

import sys

from segmentry.cli import main

if __name__ == "__main__":
    sys.exit(main(["explain", *sys.argv[1:]]))
