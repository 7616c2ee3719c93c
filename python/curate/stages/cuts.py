"""What stages share that cut pieces out of texts."""

import json
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.schema import ID, SIGNALS, TEXT, as_large_strings
from curate.stage import Barrier, Outcome, set_column
from curate.stages.survivors import Keep, KeepBy, check_keeper_columns, columns_of

#: Byte ranges of a text in UTF-8, apart and in order.
SPANS = pa.large_list(pa.struct([pa.field("start", pa.int64()), pa.field("end", pa.int64())]))

#: Of the most repeated pieces a report tells so many.
SHOWN = 20


class CutBarrier(Barrier):
    """A barrier that cuts repeats out of texts; of equal pieces the first in keeper order stays."""

    keep: Keep | KeepBy

    @property
    def reads(self) -> frozenset[str]:
        """The id, the text, and what the keeper order looks at."""
        return frozenset({ID, TEXT}) | columns_of(self.keep)

    def check_columns(self, columns: pa.Schema) -> None:
        """The keeper order must find its numbers."""
        check_keeper_columns(self.keep, columns)

    @property
    def adds(self) -> pa.Schema:
        """The text, without its repeats."""
        return pa.schema([pa.field(TEXT, pa.large_string())])

    @property
    def invalidates(self) -> frozenset[str]:
        """Signals of the uncut text."""
        return frozenset({SIGNALS})


def without(batch: pa.RecordBatch, spans: pa.Array, reason: str) -> Outcome:
    """The batch with its texts cut; `reason` where nothing but white space is left of a text."""
    cut = pa.array(_native.without_spans(as_large_strings(batch[TEXT]), spans))
    bare = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(pc.fill_null(cut, ""))), 0)
    gone = pc.and_(pc.is_valid(spans), bare)
    return Outcome(set_column(batch, TEXT, cut), pc.if_else(gone, reason, pa.scalar(None, pa.string())))


def summed_notes(name: str, verdicts: pa.Table, counts: Iterable[str]) -> Mapping[str, bytes]:
    """The counts of all partitions as one file, zeros if nobody counted, with the most repeated pieces of all."""
    total = dict.fromkeys(counts, 0)
    most_repeated: list[dict[str, int | str]] = []
    for text in verdicts["summary"].drop_null().to_pylist() if verdicts.num_rows else []:
        note = json.loads(text)
        most_repeated += note.pop("most_repeated", [])
        for key, count in note.items():
            total[key] += count
    told = {"most_repeated": most_repeated_first(most_repeated)} if most_repeated else {}
    return {f"{name}.json": json.dumps(total | told, indent=2, ensure_ascii=False).encode()}


def most_repeated_first(pieces: list[dict[str, int | str]]) -> list[dict[str, int | str]]:
    """The `SHOWN` pieces with the most copies."""
    return sorted(pieces, key=lambda piece: (-int(piece["copies"]), str(piece["text"])))[:SHOWN]
