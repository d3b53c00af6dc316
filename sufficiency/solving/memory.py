"""How much memory this process holds, and an alarm when it is too much."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GIGABYTE = 1e9

SECONDS_BETWEEN_LOOKS = 0.1

WATCHER = "memory watcher"
"""Name of the thread that looks."""


def resident_gigabytes() -> float:
    """Memory that this process holds now, in gigabytes (10^9 bytes).

    On macOS the most that it has ever held: the system tells no more without a further library.
    """
    if sys.platform == "win32":
        return _working_set() / GIGABYTE
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024) / GIGABYTE
    return pages * resource.getpagesize() / GIGABYTE


if sys.platform == "win32":

    def _working_set() -> int:
        """Bytes of the working set, from the system's own library."""
        import ctypes
        from ctypes import wintypes

        class Counters(ctypes.Structure):
            """PROCESS_MEMORY_COUNTERS, as psapi.h declares it."""

            _fields_ = (
                ("cb", wintypes.DWORD),
                ("PageFaultCount", wintypes.DWORD),
                ("PeakWorkingSetSize", ctypes.c_size_t),
                ("WorkingSetSize", ctypes.c_size_t),
                ("QuotaPeakPagedPoolUsage", ctypes.c_size_t),
                ("QuotaPagedPoolUsage", ctypes.c_size_t),
                ("QuotaPeakNonPagedPoolUsage", ctypes.c_size_t),
                ("QuotaNonPagedPoolUsage", ctypes.c_size_t),
                ("PagefileUsage", ctypes.c_size_t),
                ("PeakPagefileUsage", ctypes.c_size_t),
            )

        found = Counters()
        found.cb = ctypes.sizeof(found)
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        ask = kernel.K32GetProcessMemoryInfo
        ask.argtypes = (wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD)
        if not ask(kernel.GetCurrentProcess(), ctypes.byref(found), found.cb):
            raise OSError("Windows does not tell how much memory this process holds")
        return int(found.WorkingSetSize)


@contextmanager
def watched(most_gigabytes: float | None, *stops: threading.Event) -> Iterator[threading.Event]:
    """While the block runs, set an event when the process holds more than so many gigabytes.

    Args:
        most_gigabytes: None for no limit.
        stops: further events that are set with it.

    Yields:
        The event.
    """
    full, done = threading.Event(), threading.Event()

    def is_too_much(most: float) -> bool:
        if resident_gigabytes() <= most:
            return False
        full.set()
        for stop in stops:
            stop.set()
        return True

    def look(most: float) -> None:
        while not done.wait(SECONDS_BETWEEN_LOOKS) and not is_too_much(most):
            pass

    if most_gigabytes is None or is_too_much(most_gigabytes):
        yield full
        return
    watcher = threading.Thread(target=look, args=(most_gigabytes,), name=WATCHER, daemon=True)
    watcher.start()
    try:
        yield full
    finally:
        done.set()
        watcher.join()
