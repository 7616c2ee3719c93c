"""What all workers of a run need, imported once by the server that they are forked from."""

import pyarrow as pa

from curate.processes import keep_freed_memory
from curate.run import local

__all__ = ["local"]

# Where pandas is installed, pyarrow imports it at the first conversion of a Python object: not in every worker anew.
pa.array([0])

keep_freed_memory()
