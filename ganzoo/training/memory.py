"""The memory of a CPU: what a step has freed is kept for the next one."""

import ctypes
import os
import sys

_TRIM, _MAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h
_KEPT, _LARGEST = 2**31 - 1, 2**25  # bytes; the second is the most that glibc takes


def keep_memory() -> None:
    """Let the C library keep memory that is freed, up to the peak of a step.

    By default glibc gives large blocks back to the system at once and asks for them again in the
    next step; the system then clears each page anew, thousands a step. Where somebody has tuned
    the C library by its variables, and where it is another one, nothing changes.

    References: mallopt(3), https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    tuned = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    if sys.platform != "linux" or any(name in os.environ for name in tuned):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MAP, _LARGEST)
        mallopt(_TRIM, _KEPT)
