"""Derives the stop words and limits that the package carries from the test data.

Every language of lingua's sentences gets stop words; where there is a corpus of whole texts too, a stop word must be
frequent in both. The limits of `RULES_OF_WRITING` come from the texts, or else from the sentences joined to texts,
against English ones joined likewise. The package's own method and files: `curate.language_rules`.

`python benchmarks/derive_languages.py held-out` derives from every other sentence instead, writes nothing, and prints
how many texts of the other sentences pass those rules, by the published limits and by the derived ones.
"""

import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa

from curate import GOPHER_QUALITY, LanguageRules, Rules, RuleTable, TextStats
from curate.io.files import read_jsonl
from curate.io.texts import read_texts
from curate.language_rules import RULES_OF_WRITING, OneLanguage, derive
from curate.stages.language import load_model

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("CURATE_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
SENTENCES = str(DATA / "lid" / "sentences.jsonl.zst")
#: Language: corpus, what it is, English texts of the same kind.
CORPORA = {
    "ar": ("ar-openiti", "Arabic books before 1900", "en-novels"),
    "de": ("de-gesetze", "German laws", "en-novels"),
    "fr": ("fr-eltec", "French novels", "en-novels"),
    "hi": ("hi-ltrc", "Hindi prose", "en-novels"),
    "ja": ("ja-aozora", "Japanese novels", "en-novels"),
    "ru": ("ru-jsinfo", "Russian documentation of software", "en-cppdocs"),
}
#: What the sentences call the languages that lid.176 has other names for; "sh" is what it calls most Latin script of
#: Bosnia and Croatia that it does not take for Croatian.
LABELS = {"no": ("nb",), "sh": ("bs", "hr")}
#: Words of damaged sentences. The Spanish ones have lost every letter with an accent ("más"), so that they say nothing
#: about the length of words either; the Thai ones have a space before some vowels, which are no words.
DAMAGED = {"es": {"ms"}, "th": {"\N{THAI CHARACTER SARA AA}"}}
WITHOUT_LIMITS = {"es"}
#: Letters that texts write with either of two characters: stop words are given with both.
TWINS = {"ro": str.maketrans("şţ", "șț"), "fa": str.maketrans("یک", "يك")}
#: Characters of the texts that sentences are joined to: those of a short page, which are enough to measure.
JOINED_CHARS = 1200


@cache
def texts_of(corpus: str) -> list[str]:
    """All texts of a corpus."""
    return list(read_texts(str(DATA / "text" / f"{corpus}.jsonl.zst")).to_pylist())


@cache
def sentences() -> dict[str, list[str]]:
    """All sentences by language, as lingua names it."""
    found: dict[str, list[str]] = {}
    reader = read_jsonl(SENTENCES, columns={"lang": "string"})
    for batch in (outcome.batch for file in reader.files() for outcome in reader.read(file)):
        for language, text in zip(batch["lang"].to_pylist(), batch["text"].to_pylist(), strict=True):
            found.setdefault(language, []).append(text)
    return found


def joined(lines: Sequence[str]) -> list[str]:
    """Texts of at least `JOINED_CHARS`, a sentence per line."""
    texts = [""]
    for sentence in lines:
        if len(texts[-1]) >= JOINED_CHARS:
            texts.append("")
        texts[-1] += sentence + "\n"
    return texts if len(texts[-1]) >= JOINED_CHARS else texts[:-1]


def with_twins(one: OneLanguage, twins: dict[int, int]) -> OneLanguage:
    """With every stop word in both spellings."""
    words = dict.fromkeys(both for word in one.stop_words for both in (word, word.translate(twins)))
    return OneLanguage(one.source, tuple(words), one.limits, one.min_score)


def derived(label: str, part: slice = slice(None)) -> OneLanguage:
    """From the sentences or a part of them, and the texts if there are some."""
    named = [sentences()[name][part] for name in LABELS.get(label, (label,))]
    corpora, against = [joined(some) for some in named], joined(sentences()["en"][part])
    count = f"{sum(map(len, named))} sentences"
    source = count if label in WITHOUT_LIMITS else f"{count}; limits against English sentences"
    if label in CORPORA:
        corpus, kind, reference = CORPORA[label]
        corpora, against = [texts_of(corpus), *named], texts_of(reference)
        source = f"{len(corpora[0])} texts ({kind}), {count}; limits against English {reference[3:]}"
    one = derive(
        corpora,
        against,
        source=source,
        rules={} if label in WITHOUT_LIMITS else None,
        only_loosen=True,
        not_stop_words=DAMAGED.get(label, frozenset()),
    )
    return with_twins(one, TWINS[label]) if label in TWINS else one


def labels() -> list[str]:
    """The languages that there are sentences of and that lid.176 knows, without English."""
    return sorted(({*sentences(), *LABELS} & set(load_model("lid.176").labels)) - {"en"})


def kept(texts: list[str], label: str, stop_words: tuple[str, ...], table: RuleTable) -> int:
    """How many of the texts pass."""
    batch = pa.record_batch({"text": texts, "language": [label] * len(texts)})
    measured = TextStats(stop_words=((label, stop_words),) if stop_words else ())(batch).batch
    reason = Rules(table)(measured).reason
    assert reason is not None
    return int(reason.null_count)


def held_out(label: str) -> tuple[int, int, int]:
    """Of the texts made of every other sentence: how many there are, pass as English, and pass by derived rules."""
    names = LABELS.get(label, (label,))
    texts = joined([sentence for name in names for sentence in sentences()[name][1::2]])
    one = derived(label, slice(0, None, 2))
    table = GOPHER_QUALITY.with_limits(**one.limits)
    published = GOPHER_QUALITY.without("too_few_stop_words")
    return len(texts), kept(texts, label, (), published), kept(texts, label, one.stop_words, table)


def main() -> None:
    """Writes `python/curate/language_data/`, or prints the judgement of the sentences held out."""
    if sys.argv[1:] == ["held-out"]:
        for label in labels():
            print(label, *held_out(label))
        return
    rules = LanguageRules({label: derived(label) for label in labels()})
    rules.save(REPOSITORY / "python" / "curate" / "language_data")
    limited = sum(bool(one.limits) for one in rules.languages.values())
    print(f"{len(rules.languages)} languages, {limited} with limits of {', '.join(RULES_OF_WRITING)}")


if __name__ == "__main__":
    main()
