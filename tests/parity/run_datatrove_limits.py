"""Whether a signal is the very number that datatrove's filter compares: JSONL `{id, text, signals}` in, faults out.

Runs in an environment that has `datatrove[processing]==0.10.1`; imports nothing of ours. A filter with the signal as
its limit must keep the text, and with the next number beside it must not. Words play no part in these signals, so the
filters get one word instead of a splitter's. Each output row has `id` and the names of signals that are another number.
"""

import json
import math
import sys

from datatrove.data import Document
from datatrove.pipeline.filters import (
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

for module in (fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter):
    module.split_into_words = lambda text, language=None: ["word"]

NO_REPETITION = {
    **dict.fromkeys(("dup_line_frac", "dup_para_frac", "dup_line_char_frac", "dup_para_char_frac")),
    "top_n_grams": (),
    "dup_n_grams": (),
}
NO_QUALITY = dict.fromkeys(
    (
        "min_doc_words",
        "max_doc_words",
        "min_avg_word_length",
        "max_avg_word_length",
        "max_symbol_word_ratio",
        "max_bullet_lines_ratio",
        "max_ellipsis_lines_ratio",
        "max_non_alpha_words_ratio",
        "min_stop_words",
    )
)
NO_FINEWEB = {
    "line_punct_thr": -math.inf,
    "short_line_thr": math.inf,
    "char_duplicates_ratio": math.inf,
    "new_line_ratio": math.inf,
}
#: Signal: filter, limits that drop nothing, the limit that it is compared with, and where the filter drops.
SIGNALS = {
    "duplicate_paragraph_ratio": (GopherRepetitionFilter, NO_REPETITION, "dup_para_frac", "above"),
    "duplicate_paragraph_char_ratio": (GopherRepetitionFilter, NO_REPETITION, "dup_para_char_frac", "above"),
    "duplicate_line_ratio": (GopherRepetitionFilter, NO_REPETITION, "dup_line_frac", "above"),
    "duplicate_line_char_ratio": (GopherRepetitionFilter, NO_REPETITION, "dup_line_char_frac", "above"),
    "bullet_line_ratio": (GopherQualityFilter, NO_QUALITY, "max_bullet_lines_ratio", "above"),
    "ellipsis_line_ratio": (GopherQualityFilter, NO_QUALITY, "max_ellipsis_lines_ratio", "above"),
    "terminal_punctuation_line_ratio": (FineWebQualityFilter, NO_FINEWEB, "line_punct_thr", "below"),
    "short_line_ratio": (FineWebQualityFilter, NO_FINEWEB, "short_line_thr", "above"),
    "repeated_line_char_ratio": (FineWebQualityFilter, NO_FINEWEB, "char_duplicates_ratio", "above"),
}


def keeps(name: str, limit: float, text: str) -> bool:
    """Whether the filter with that limit alone keeps the text."""
    kind, others, parameter, _ = SIGNALS[name]
    result = kind(**{**others, parameter: limit}).filter(Document(text=text, id=""))
    return result is True


def is_the_number(name: str, value: float, text: str) -> bool:
    """Whether the filter keeps the text at this limit and drops it at the next stricter one."""
    if SIGNALS[name][3] == "below":
        return keeps(name, value, text) and not keeps(name, math.nextafter(value, math.inf), text)
    # a limit of zero turns some filters off
    return keeps(name, value or sys.float_info.min, text) and not keeps(
        name, math.nextafter(value, -math.inf), text
    )


if __name__ == "__main__":
    for line in sys.stdin:
        row = json.loads(line)
        wrong = [name for name in SIGNALS if not is_the_number(name, row["signals"][name], row["text"])]
        print(json.dumps({"id": row["id"], "wrong": wrong}), flush=True)
