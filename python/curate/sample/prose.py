"""Prose composed from the sentence files under `data/`, the same on every machine and Python version.

A sentence file holds topics (`*`), their titles (`!`), slots (`=`) and sentences (`-`). In a sentence
`[slot]` is filled once per page and `{a|b}` chooses. The second choice of a sentence follows its first
where both have the same number of options: subject and predicate are written to match.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar

LANGUAGES = ("en", "de", "fr", "es", "it")
COMMON = "common"  # the topic whose slots and sentences every page of a language may use

_CHOICE = re.compile(r"\{([^{}]*)\}")
_SLOT = re.compile(r"\[([a-z_]+)\]")
_MASK = (1 << 64) - 1
_T = TypeVar("_T")


class Chooser:
    """SplitMix64 (Steele, Lea, Flood 2014). `random` does not promise the same choices across versions."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, limit: int) -> int:
        """An integer from 0 to `limit` - 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return (z ^ (z >> 31)) % limit

    def pick(self, items: Sequence[_T]) -> _T:
        """One of `items`."""
        return items[self.below(len(items))]

    def subset(self, size: int, count: int) -> list[int]:
        """`count` distinct numbers below `size`, ascending."""
        left = list(range(size))
        return sorted(left.pop(self.below(len(left))) for _ in range(count))


@dataclass(frozen=True)
class Topic:
    """One topic of a sentence file."""

    name: str
    titles: tuple[str, ...]
    slots: tuple[tuple[str, tuple[str, ...]], ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Article:
    """A composed page text: paragraphs of whole sentences, each ending in terminal punctuation."""

    language: str
    topic: str
    title: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """The paragraphs, one per line, without the title."""
        return "\n".join(self.paragraphs)


@cache
def topics(language: str) -> dict[str, Topic]:
    """The topics of a sentence file by name, `common` among them."""
    raw = (files("curate.sample") / "data" / f"{language}.txt").read_text(encoding="utf-8")
    found: dict[str, Topic] = {}
    for block in re.split(r"^\* ", raw, flags=re.MULTILINE)[1:]:
        name, *lines = (line.strip() for line in block.splitlines())
        slots = []
        for line in lines:
            if line.startswith("= "):
                slot, values = line[2:].split(": ", 1)
                slots.append((slot, tuple(values.split("; "))))
        titles = tuple(t for line in lines if line.startswith("! ") for t in line[2:].split(" | "))
        sentences = tuple(line[2:] for line in lines if line.startswith("- "))
        found[name] = Topic(name, titles, tuple(slots), sentences)
    return found


def compose(language: str, topic_name: str, seed: int) -> Article:
    """One page about a topic: 9 to 13 sentences in 3 to 5 paragraphs."""
    writer = Writer(language, topic_name, seed)
    chooser = writer.chooser
    own, shared = writer.topic.sentences, writer.common.sentences
    chosen = [own[i] for i in chooser.subset(len(own), min(len(own), 7 + chooser.below(3)))]
    asides = [shared[i] for i in chooser.subset(len(shared), 2 + chooser.below(3))]
    for aside in asides:  # an aside may stand anywhere, and never shares a page with itself
        chosen.insert(chooser.below(len(chosen) + 1), aside)
    sentences = [writer.write(template) for template in chosen]
    paragraphs = []
    while sentences:
        size = 2 + chooser.below(3)
        if len(sentences) - size < 2:
            size = len(sentences)
        paragraphs.append(" ".join(sentences[:size]))
        del sentences[:size]
    return Article(language, topic_name, writer.write(chooser.pick(writer.topic.titles)), tuple(paragraphs))


class Writer:
    """Fills sentences of one topic with one set of slot values."""

    def __init__(self, language: str, topic_name: str, seed: int) -> None:
        self.chooser = Chooser(seed)
        self.topic, self.common = topics(language)[topic_name], topics(language)[COMMON]
        slots = (*self.common.slots, *self.topic.slots)
        self._values = {name: self.chooser.pick(values) for name, values in slots}

    def write(self, template: str) -> str:
        """The sentence, capitalised, with its choices made and slots filled."""
        groups = [group.split("|") for group in _CHOICE.findall(template)]
        picks = [self.chooser.below(len(group)) for group in groups]
        if len(groups) > 1 and len(groups[0]) == len(groups[1]):
            picks[1] = picks[0]
        chosen = iter([group[pick] for group, pick in zip(groups, picks, strict=True)])
        text = _CHOICE.sub(lambda _: next(chosen), template)
        text = _SLOT.sub(lambda match: self._values[match[1]], text)
        return text[0].upper() + text[1:]
