"""How documents become rows of one length: three policies, each of which says what it loses.

A row of `seq_len + 1` tokens predicts `seq_len` of them. A plan names the pieces of every row: ranges of the token
stream, each within one document. Plans of concat-then-split and of rows packed on disk are arithmetic; those of
best-fit and pad are computed from the lengths of the documents, in memory (20 bytes per document).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.errors import CurateError

Lengths = npt.NDArray[np.int64]

#: policy -> what it does, and what it loses
PACKING = {
    "concat": "concat-then-split: documents follow each other and are cut every seq_len tokens; lost is the tail of "
    "the split, fewer than seq_len tokens, and documents are cut at row borders",
    "best_fit": "best-fit decreasing: a document stays whole if it fits a row (longer ones are cut into full rows and "
    "a rest), pieces go where the least room is left; lost is padding, and the first token of each piece is not "
    "predicted",
    "pad": "a row holds one document or one piece of a longer one; lost is padding, most of a row for short documents, "
    "and the first token of each piece is not predicted",
}


@dataclass(frozen=True)
class Even:
    """Rows at equal distances in the token stream: row `i` is tokens `i * stride` to `i * stride + length`.

    Attributes:
        rows: their number.
        stride: tokens from the start of a row to the start of the next.
        length: tokens of a row.
    """

    rows: int
    stride: int
    length: int


@dataclass(frozen=True)
class Pieces:
    """Rows of pieces: row `i` holds the pieces `first[i]` to `first[i + 1]`, then padding.

    Attributes:
        length: tokens of a row, padding included.
        first: int64 [rows + 1].
        starts: int64 [pieces], in the token stream.
        lengths: int64 [pieces].
        documents: int64 [pieces], number of the document a piece belongs to.
    """

    length: int
    first: Lengths
    starts: Lengths
    lengths: Lengths
    documents: Lengths

    @property
    def rows(self) -> int:
        """Their number."""
        return len(self.first) - 1


Plan = Even | Pieces


def plan_rows(policy: str, lengths: Lengths, seq_len: int) -> Plan:
    """The rows of a token stream.

    Args:
        policy: see `PACKING`.
        lengths: tokens of each document, in order; of "concat" the sum alone counts.
        seq_len: tokens predicted per row.

    Raises:
        CurateError: an unknown policy.
    """
    if policy == "concat":
        return Even(max(int(lengths.sum()) - 1, 0) // seq_len, seq_len, seq_len + 1)
    if policy not in PACKING:
        raise CurateError(f"unknown packing policy {policy!r}", hint=f"known: {', '.join(PACKING)}")
    row = seq_len + 1
    starts, sizes, documents = _cut(lengths, row)
    if policy == "pad":
        return Pieces(row, np.arange(len(sizes) + 1), starts, sizes, documents)
    bins = best_fit(sizes, row)
    # Rows in the order of their first piece, pieces in the order of the stream: no order by length remains.
    first_piece = np.full(int(bins.max(initial=-1)) + 1, len(bins), np.int64)
    np.minimum.at(first_piece, bins, np.arange(len(bins)))
    order = np.lexsort((np.arange(len(bins)), first_piece[bins]))
    counts = np.bincount(bins, minlength=len(first_piece))[np.argsort(first_piece)]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Pieces(row, first, starts[order], sizes[order], documents[order])


def _cut(lengths: Lengths, row: int) -> tuple[Lengths, Lengths, Lengths]:
    """Documents cut into pieces of at most `row` tokens, full ones first; those without tokens are left out."""
    per_document = -(-lengths // row)
    documents = np.repeat(np.arange(len(lengths)), per_document)
    number = np.arange(len(documents)) - np.repeat(np.cumsum(per_document) - per_document, per_document)
    begins = np.cumsum(lengths) - lengths
    starts = begins[documents] + number * row
    sizes = np.minimum(lengths[documents] - number * row, row)
    return starts.astype(np.int64), sizes.astype(np.int64), documents.astype(np.int64)


def best_fit(sizes: Lengths, row: int) -> Lengths:
    """The bin of each piece by best-fit decreasing (Ding et al. 2024, "Fewer Truncations"); equal sizes in order.

    Bins are told apart by the room they have left alone, so each step is one look at a bit set of `row` bits.

    Args:
        sizes: 1 to `row` each.
        row: tokens a bin holds.
    """
    bins = np.empty(len(sizes), np.int64)
    room: list[list[int]] = [[] for _ in range(row + 1)]
    rooms = 0  # bit k: there is a bin with room for exactly k tokens
    made = 0
    order = np.argsort(-sizes, kind="stable")
    for piece, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        fitting = rooms >> size
        if fitting:
            left = size + (fitting & -fitting).bit_length() - 1
            chosen = room[left].pop()
            if not room[left]:
                rooms ^= 1 << left
        else:
            left, chosen = row, made
            made += 1
        bins[piece] = chosen
        if left > size:
            room[left - size].append(chosen)
            rooms |= 1 << (left - size)
    return bins


def losses(plan: Plan, lengths: Lengths) -> dict[str, int | float]:
    """What a plan loses, counted.

    Returns:
        rows: of the plan.
        tokens: of the documents.
        dropped_tokens: in no row.
        padding_tokens: places of rows without a token, and their share of all places as `padding_share`.
        unpredicted_tokens: in rows, but never predicted within their document: they come first in a piece.
        cut_documents: in more than one row.
    """
    total = int(lengths.sum())
    if isinstance(plan, Pieces):
        used = int(plan.lengths.sum())
        padding = plan.rows * plan.length - used
        pieces_of = (
            np.bincount(plan.documents, minlength=len(lengths)) if len(plan.documents) else lengths * 0
        )
        cut, unpredicted = int((pieces_of > 1).sum()), len(plan.lengths)
    else:
        used = (plan.rows - 1) * plan.stride + plan.length if plan.rows else 0
        padding = 0
        ends = np.cumsum(lengths)
        first = np.maximum(ends - lengths, 0) // plan.stride
        last = np.maximum(np.minimum(ends, used) - 1, 0) // plan.stride
        last = np.minimum(last, plan.rows - 1)  # the very last token is predicted only
        cut = int(((lengths > 0) & (last > first) & (ends - lengths < used)).sum())
        unpredicted = 1 if used else 0
    places = max(plan.rows * plan.length, 1)
    return {
        "rows": plan.rows,
        "tokens": total,
        "dropped_tokens": total - used,
        "padding_tokens": padding,
        "padding_share": padding / places,
        "unpredicted_tokens": unpredicted,
        "cut_documents": cut,
    }


def position_ids(segment_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Position of each token within its document; the shape of `segment_ids`, which do not fall along the last axis."""
    places = np.broadcast_to(np.arange(segment_ids.shape[-1]), segment_ids.shape)
    begins = np.zeros_like(segment_ids)
    begins[..., 1:] = np.where(segment_ids[..., 1:] != segment_ids[..., :-1], places[..., 1:], 0)
    return places - np.maximum.accumulate(begins, axis=-1)


def doc_lens(segment_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Tokens of each document in one row; int64 [documents]. With a 0 before them their sums are `cu_seqlens`."""
    cuts = np.flatnonzero(np.diff(segment_ids)) + 1
    return np.diff(np.concatenate([[0], cuts, [len(segment_ids)]]))


def describe(policy: str, plan: Plan, lengths: Lengths) -> dict[str, Any]:
    """The policy, in words what it loses, and the counts of `losses`: what a manifest keeps."""
    return {"policy": policy, "loses": PACKING[policy], **losses(plan, lengths)}
