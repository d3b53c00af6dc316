"""Work in a thread of its own, while a search goes on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Meanwhile(Generic[Found]):
    """A piece of work that is begun now and asked for later.

    What is found must not depend on how fast the threads are: the work uses nothing that the search
    changes meanwhile.

    Args:
        work: takes an event that ends it early; a RuntimeError of it is nothing found.
        parent: ends it early as well, once somebody waits.
        at_once: False leaves the work until it is waited for.
    """

    def __init__(
        self,
        work: Callable[[threading.Event], Found | None],
        parent: threading.Event | None = None,
        *,
        at_once: bool = True,
    ) -> None:
        self._parent, self._stop = parent, threading.Event()
        self._found: Found | None = None

        def run() -> None:
            with contextlib.suppress(RuntimeError):
                self._found = work(self._stop)

        self._thread = threading.Thread(target=run, daemon=True)
        if at_once:
            self._thread.start()

    def wait(self) -> Found | None:
        """What was found; None where that was nothing.

        Raises:
            KeyboardInterrupt: on Ctrl-C; the work is ended.
        """
        if self._thread.ident is None:
            self._thread.start()
        try:
            while self._thread.is_alive():
                self._thread.join(timeout=0.05)
                if self._parent is not None and self._parent.is_set():
                    self._stop.set()
        except KeyboardInterrupt:
            self._stop.set()
            raise
        return self._found

    def end(self) -> None:
        """Give it up."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
