"""Copy the marts of a finished build to where BI tools read them, as `segmentry publish` does."""

import sys

from segmentry.cli import main

if __name__ == "__main__":
    sys.exit(main(["publish", *sys.argv[1:]]))
