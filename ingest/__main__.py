"""`python -m ingest` is `citewell ingest`."""

import sys

from assistant.__main__ import main

if __name__ == "__main__":
    sys.argv.insert(1, "ingest")
    main()
