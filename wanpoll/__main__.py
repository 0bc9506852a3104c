"""`python -m wanpoll` and the command `wanpoll`."""

from __future__ import annotations

import sys

from wanpoll.cli import main

if __name__ == "__main__":
    sys.exit(main())
