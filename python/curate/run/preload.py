"""What all workers of a run need, imported once by the server that they are forked from."""

import ctypes

import pyarrow as pa

from curate.run import local

__all__ = ["local"]

# Where pandas is installed, pyarrow imports it at the first conversion of a Python object: not in every worker anew.
pa.array([0])

# glibc's malloc maps a large block on its own and gives it back as soon as it is freed: each page of the next one is a
# fault again, and workers take and free blocks of some megabytes all the time. Values: malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_KEPT_BYTES = 256 << 20

if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
