"""What a tokenizer does to text: lengths, balance between languages, and tokens that should not be there."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.errors import CurateError
from curate.io.texts import read_rows
from curate.schema import as_large_strings
from curate.tokenizer import Tokenizer

#: Order of the Rényi entropy, as in "Tokenization and the Noiseless Channel" (arXiv 2306.16842).
RENYI_ORDER = 2.5


@dataclass(frozen=True)
class LanguageReport:
    """One tokenizer on the texts of one language.

    Attributes:
        bytes_per_token: UTF-8 bytes per id.
        characters_per_token: code points per id.
        tokens_per_word: ids per word between spaces; means little for scripts without spaces.
        whole_words: share of those words that are one id (with the blank before them).
        renyi_efficiency: Rényi entropy of the ids over the logarithm of the vocabulary size.
        premium: ids per character, relative to the first language.
    """

    language: str
    texts: int
    bytes: int
    tokens: int
    bytes_per_token: float
    characters_per_token: float
    tokens_per_word: float
    whole_words: float
    renyi_efficiency: float
    premium: float


@dataclass(frozen=True)
class TokenizerReport:
    """One tokenizer on several languages, and its vocabulary.

    Attributes:
        never_used: ordinary tokens that none of the texts needed.
        unreachable: tokens that even their own text does not encode to.
        not_text: tokens whose bytes are no whole characters.
        suspicious: tokens that often turn out to be under-trained: unreachable, control characters, or very long.
    """

    name: str
    vocab_size: int
    languages: tuple[LanguageReport, ...]
    never_used: tuple[int, ...]
    unreachable: tuple[int, ...]
    not_text: int
    longest: int
    suspicious: Mapping[int, str]


def read_texts(urls: Sequence[str], limit: int) -> dict[str, list[str]]:
    """Up to `limit` texts of each language from JSON Lines, Parquet or Arrow files; see `curate.io.texts.read_rows`.

    The language stands in `lang` or, as in the documents of a run, in `language`; else it is "unknown".

    Raises:
        FileNotFoundError: there is no such file.
        CurateError: a file is damaged or holds no texts.
    """
    texts: dict[str, list[str]] = {}
    for row in chain.from_iterable(read_rows(url, ("lang", "language")) for url in urls):
        some = texts.setdefault(str(row.get("lang") or row.get("language") or "unknown"), [])
        if len(some) < limit and isinstance(row["text"], str):
            some.append(row["text"])
    return texts


def report(name: str, tokenizer: Tokenizer, texts: Mapping[str, Any]) -> TokenizerReport:
    """Measures a tokenizer on texts by language (Arrow strings or lists of `str`).

    Raises:
        CurateError: no text, or what `Tokenizer.encode_batch` raises.
    """
    if not any(len(some) for some in texts.values()):
        raise CurateError("no text to measure on", hint="pass held-out text of every language")
    used = np.zeros(tokenizer.vocab_size, np.int64)
    languages: list[LanguageReport] = []
    for language, some in texts.items():
        found = _language(language, tokenizer, as_large_strings(some), used, languages)
        languages.append(found)
    tokens = tokenizer.tokens()
    unreachable = tokenizer.unreachable().tolist()
    ordinary = [number for number, token in enumerate(tokens) if token is not None]
    return TokenizerReport(
        name=name,
        vocab_size=tokenizer.vocab_size,
        languages=tuple(languages),
        never_used=tuple(number for number in ordinary if used[number] == 0),
        unreachable=tuple(unreachable),
        not_text=sum(token is not None and not _is_text(token) for token in tokens),
        longest=max(len(token or b"") for token in tokens),
        suspicious=_suspicious(tokens, unreachable),
    )


def _language(
    language: str,
    tokenizer: Tokenizer,
    texts: pa.LargeStringArray,
    used: npt.NDArray[np.int64],
    before: Sequence[LanguageReport],
) -> LanguageReport:
    strings = [text or "" for text in texts.to_pylist()]
    ids = tokenizer.encode_batch(texts).values.to_numpy()
    counts = np.bincount(ids, minlength=tokenizer.vocab_size)
    used += counts
    size, characters = sum(len(text.encode()) for text in strings), sum(map(len, strings))
    words = [word for text in strings for word in text.split()]
    pieces = tokenizer.count_batch([f" {word}" for word in words]).to_numpy() if words else np.zeros(0)
    tokens = max(len(ids), 1)
    rate = tokens / max(characters, 1)
    first = before[0].tokens / max(before[0].characters_per_token * before[0].tokens, 1) if before else rate
    return LanguageReport(
        language=language,
        texts=len(strings),
        bytes=size,
        tokens=len(ids),
        bytes_per_token=size / tokens,
        characters_per_token=characters / tokens,
        tokens_per_word=float(pieces.mean()) if len(pieces) else 0.0,
        whole_words=float((pieces == 1).mean()) if len(pieces) else 0.0,
        renyi_efficiency=renyi_efficiency(counts),
        premium=rate / first if first else 0.0,
    )


def renyi_efficiency(counts: npt.NDArray[np.int64], order: float = RENYI_ORDER) -> float:
    """Rényi entropy of a distribution given by counts, over the highest one possible; 0 for no counts.

    Raises:
        ValueError: `order` is 1 or not positive.
    """
    if order <= 0 or order == 1:
        raise ValueError(f"order={order} is not a Rényi order above 0 other than 1")
    total = counts.sum()
    if total == 0 or len(counts) < 2:
        return 0.0
    shares = counts[counts > 0] / total
    return float(np.log((shares**order).sum()) / (1 - order) / np.log(len(counts)))


def _is_text(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


def _suspicious(tokens: Sequence[bytes | None], unreachable: Sequence[int]) -> dict[int, str]:
    found = dict.fromkeys(unreachable, "unreachable")
    for number, token in enumerate(tokens):
        if token is None or len(token) < 2 or number in found or not _is_text(token):
            continue
        text = token.decode()
        if any(unicodedata.category(c) in {"Cc", "Co", "Cn"} and not c.isspace() for c in text):
            found[number] = "control characters"
        elif len(text.strip()) > 24 and len(set(text.strip())) > 3:
            found[number] = "very long"
    return found


def table(reports: Sequence[TokenizerReport]) -> str:
    """Reports side by side, as text."""
    columns = (
        "tokenizer",
        "language",
        "texts",
        "tokens",
        "tokens/text",
        "bytes/token",
        "chars/token",
        "tokens/word",
        "whole words",
        "Rényi",
        "premium",
    )
    rows = [
        (
            one.name,
            row.language,
            str(row.texts),
            str(row.tokens),
            f"{row.tokens / max(row.texts, 1):.1f}",
            f"{row.bytes_per_token:.3f}",
            f"{row.characters_per_token:.3f}",
            f"{row.tokens_per_word:.3f}",
            f"{row.whole_words:.1%}",
            f"{row.renyi_efficiency:.3f}",
            f"{row.premium:.2f}",
        )
        for one in reports
        for row in one.languages
    ]
    lines = _aligned([columns, *rows])
    lines.append("")
    heads = (
        "tokenizer",
        "tokens",
        "ids",
        "never used",
        "unreachable",
        "not whole characters",
        "longest",
        "suspicious",
    )
    facts = [
        (
            one.name,
            sum(row.tokens for row in one.languages),
            one.vocab_size,
            len(one.never_used),
            len(one.unreachable),
            one.not_text,
            one.longest,
            len(one.suspicious),
        )
        for one in reports
    ]
    return "\n".join(lines + _aligned([heads, *(tuple(map(str, fact)) for fact in facts)]))


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if at < 1 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def plot(reports: Sequence[TokenizerReport]) -> str:
    """Bytes per token by language and tokenizer, as an SVG picture of bars."""
    bars = [(one, row) for one in reports for row in one.languages]
    highest = max((row.bytes_per_token for _, row in bars), default=1.0)
    languages = list(dict.fromkeys(row.language for _, row in bars))
    colours = ("#3b6ea5", "#d9822b", "#4f9d69", "#a5507d", "#7a6fbf", "#8c7b4f")
    step, label, width = 16, 110, 520
    parts, y = [], 24
    for language in languages:
        parts.append(f'<text x="4" y="{y + 12}" font-weight="bold">{_escaped(language)}</text>')
        for number, one in enumerate(reports):
            for row in (row for row in one.languages if row.language == language):
                long = width * row.bytes_per_token / highest
                colour = colours[number % len(colours)]
                parts.append(
                    f'<rect x="{label}" y="{y}" width="{long:.1f}" height="{step - 3}" fill="{colour}"/>'
                )
                told = f"{row.bytes_per_token:.2f}  {_escaped(one.name)}"
                parts.append(f'<text x="{label + long + 6:.1f}" y="{y + 11}">{told}</text>')
                y += step
        y += 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{label + width + 200}" height="{y + 8}" '
    head += 'font-family="sans-serif" font-size="11"><text x="4" y="14">bytes per token</text>'
    return "".join([head, *parts, "</svg>\n"])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
