"""One record of the sample crawl, with the fate it should meet, and how a page becomes one."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from curate.sample import archive
from curate.sample.pages import render
from curate.sample.prose import COMMON, Article, compose, topics

SHINGLE_WORDS = 5


@dataclass(frozen=True)
class Record:
    """One record of the crawl.

    Attributes:
        id: WARC-Record-ID without angle brackets.
        url: WARC-Target-URI; empty where the record has none.
        kind: what was planted, snake_case; `prose` for pages with nothing planted.
        stage: where it should be rejected: `read`, `url`, `opt_out`, `language`, `quality`, `contamination`,
            `exact_dedup`, `near_dedup`; None = it is a good page and kept (if its language is wanted).
        reason: the fault, in this module's words; None = kept.
        language: of the text; empty where there is none.
        details: JSON values: the known facts, e.g. `cluster`, `jaccard`, `pii`, `eval`.
        text: the prose in it, paragraphs one per line, without the title.
        warc: the whole record, uncompressed.
        file: name of the file it was written to.
        damage: how its compressed member is to be harmed: `flip`, `cut`, or nothing.

    """

    id: str
    url: str
    kind: str
    warc: bytes = field(repr=False)
    stage: str | None = None
    reason: str | None = None
    language: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    text: str = field(default="", repr=False)
    file: str = ""
    damage: str = ""

    def to_json(self) -> dict[str, Any]:
        """The manifest's entry."""
        names = ("id", "url", "file", "kind", "stage", "reason", "language", "details")
        return {name: getattr(self, name) for name in names}


def shingles(text: str) -> set[tuple[str, ...]]:
    r"""The distinct runs of five words, where words are `\w+` of the lower-cased text."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)}


def jaccard(one: str, other: str) -> float:
    """Similarity of the two sets of shingles."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def page(
    kind: str,
    label: str,
    article: Article,
    *,
    template: str = "article",
    url: str | None = None,
    stage: str | None = None,
    reason: str | None = None,
    details: dict[str, Any] | None = None,
    head: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    warc_headers: tuple[tuple[str, str], ...] = (),
    version: str = "1.0",
) -> Record:
    """A response record with a page in UTF-8."""
    body = render(article, template, f"The {article.topic} pages", head=head).encode()
    url = url or f"https://www.{article.topic}-{article.language}.example/{kind}/{label}"
    warc = response(f"{kind}-{label}", url, archive.http(body, headers=headers), warc_headers, version)
    identifier = archive.record_id(f"{kind}-{label}").strip("<>")
    facts = {**(details or {}), "template": template}
    return Record(identifier, url, kind, warc, stage, reason, article.language, facts, article.text)


def english(seed: int) -> Article:
    """An English article; the seed also chooses its topic."""
    names = [name for name in topics("en") if name != COMMON]
    return compose("en", names[seed % len(names)], seed)


def response(
    label: str, url: str, message: bytes, headers: tuple[tuple[str, str], ...] = (), version: str = "1.0"
) -> bytes:
    """A response record, uncompressed, whose id is made from its label."""
    return archive.record(
        "response", archive.record_id(label), message, url=url, headers=headers, version=version
    )


def extended(article: Article, *sentences: str) -> Article:
    """The article with sentences added to the end of its second paragraph."""
    paragraphs = list(article.paragraphs)
    paragraphs[1] = " ".join((paragraphs[1], *sentences))
    return replace(article, paragraphs=tuple(paragraphs))
