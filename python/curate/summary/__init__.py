"""What the tables of a run hold, in counts that are taken while a table is written and add up over tables."""

from curate.summary.summary import Summary
from curate.summary.table import SummarizedTable

__all__ = ["SummarizedTable", "Summary"]
