"""``sufficiency`` on the command line, and ``python -m sufficiency``."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

from sufficiency.problems import EXIT_INTERRUPTED


def run() -> NoReturn:
    """Run the command of this process and end it with the exit code."""
    code: int | str | None
    try:
        from sufficiency.cli import main

        code = main()
    except SystemExit as ended:  # of the argument parser: its help, or what it cannot read
        code = ended.code
    except (KeyboardInterrupt, ImportError) as error:
        # A library that is interrupted while it is loaded may call that a failed import.
        if not _interrupted(error):
            raise
        print("Interrupted; nothing was written.", file=sys.stderr)
        code = EXIT_INTERRUPTED
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # whoever read it has gone
            stream.flush()
    # All is on disk and said. Threads that libraries keep to themselves now and then abort a
    # process that ends in the ordinary way, and its exit code with it: seen after Ctrl-C.
    os._exit(code if isinstance(code, int) else code is not None)


def _interrupted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    run()
