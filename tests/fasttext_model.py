"""Writes fastText models byte by byte, in the layout of fastText 0.9.2: no training API is needed."""

import random
import struct

LOSSES = {"hierarchical softmax": 1, "negative sampling": 2, "softmax": 3, "one-vs-all": 4}


def model_bytes(
    words: dict[str, list[float]],
    labels: dict[str, list[float]],
    *,
    loss: int = LOSSES["softmax"],
    ngram_rows: list[list[float]] | None = None,
    word_ngrams: int = 1,
    characters: tuple[int, int] = (0, 0),
) -> bytes:
    """A dense supervised model of format version 12.

    Args:
        words: each word's row of the input matrix.
        labels: each label's row of the output matrix, most frequent first.
        loss: a code in `LOSSES`.
        ngram_rows: the rows of the buckets for n-grams.
        word_ngrams: longest word n-gram.
        characters: shortest and longest character n-gram; (0, 0) for none.
    """
    buckets = ngram_rows or []
    dimension = len(next(iter(words.values())))
    arguments = [dimension, 5, 5, 1, 5, word_ngrams, loss, 3, len(buckets), *characters, 100]
    out = struct.pack("<ii12id", 793_712_314, 12, *arguments, 1e-4)
    out += struct.pack("<iiiqq", len(words) + len(labels), len(words), len(labels), 100, -1)
    for kind, names in ((0, words), (1, [f"__label__{label}" for label in labels])):
        for rank, name in enumerate(names):
            out += name.encode() + b"\0" + struct.pack("<qB", 50 - rank, kind)
    for rows in ([*words.values(), *buckets], list(labels.values())):
        out += struct.pack("<?qq", False, len(rows), dimension)
        out += b"".join(struct.pack(f"<{dimension}f", *row) for row in rows)
    return out


def random_model(loss: int, seed: int) -> tuple[bytes, list[str]]:
    """A model with word and character n-grams, and texts over its alphabet."""
    chooser = random.Random(seed)

    def row() -> list[float]:
        return [chooser.uniform(-3, 3) for _ in range(6)]

    def word() -> str:
        return "".join(chooser.choice("abcé日") for _ in range(chooser.randint(1, 5)))

    words = {name: row() for name in ["</s>", *(word() for _ in range(20))]}
    labels = {f"label{n}": row() for n in range(7)}
    content = model_bytes(
        words, labels, loss=loss, ngram_rows=[row() for _ in range(101)], word_ngrams=3, characters=(2, 4)
    )
    known = list(words)[1:]
    return content, [
        " ".join(chooser.choice(known) if chooser.random() < 0.5 else word() for _ in range(length))
        for length in range(1, 25)
    ]
