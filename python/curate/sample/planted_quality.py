"""Pages of bad quality: each breaks one published rule."""

from collections.abc import Iterator
from dataclasses import replace

from curate.sample.prose import Article, Chooser
from curate.sample.records import Record, english, extended, page

_SHORT_END = "That is all we know. More may follow. Please be patient. The rest is lost."
_TWICE = "Come again next week and bring a friend."


def bad_quality() -> Iterator[Record]:
    """The bad articles as pages."""
    for number, (kind, reason, article) in enumerate(bad_articles()):
        yield page(kind, f"{number:02d}", article, stage="quality", reason=reason)


def bad_articles() -> Iterator[tuple[str, str, Article]]:
    """Texts that break one published rule each: kind, reason, article. See the FineWeb recipe's thresholds."""
    for seed in range(3):
        base = english(4000 + seed)
        first = base.paragraphs[0].split(". ")[0] + "."
        yield "short", "min_words", replace(base, paragraphs=(first, _SHORT_END))
    for seed in range(3):
        base, chooser = english(4010 + seed), Chooser(seed)
        tool = chooser.pick(("cheap watches", "garden sheds", "printer ink", "magic pills"))
        line = f"Buy {tool} today, because the best {tool} have to be bought with us and the price is right."
        yield "spam", "repetition", replace(base, paragraphs=(" ".join([line] * 14),))
        doubled = (*base.paragraphs, _TWICE, _TWICE)
        yield "duplicate_lines", "duplicate_lines", replace(base, paragraphs=doubled)
    for seed in range(2):
        base = english(4020 + seed)
        sentences = [s.rstrip(".") for p in base.paragraphs for s in p.split(". ")]
        tagged = tuple(" ".join("#" + w for w in s.split()[:4]) + f" {s}." for s in sentences)
        yield "hashtags", "hash_ratio", replace(base, paragraphs=tagged)
        dotted = tuple(
            " ".join(f"{w}..." if n % 5 == 4 else w for n, w in enumerate(s.split())) for s in sentences
        )
        yield "ellipses", "ellipsis_ratio", replace(base, paragraphs=tuple(f"{s}." for s in dotted))
        yield "bullets", "bullet_lines", replace(base, paragraphs=tuple(f"• {s}." for s in sentences))
        paired = tuple(". ".join(sentences[n : n + 3]) for n in range(0, len(sentences), 3))
        yield "no_punctuation", "line_punctuation", replace(base, paragraphs=paired)
        words = tuple(" ".join(s.split()[:3]) for s in [*sentences, *reversed(sentences)])
        short = tuple(dict.fromkeys(f"{w}." for w in words))
        tail = (base.paragraphs[0],)
        yield "short_lines", "short_lines", replace(base, paragraphs=(*short, *tail))
        lorem = extended(base, "Lorem ipsum dolor sit amet, consectetur adipiscing elit.")
        yield "lorem_ipsum", "lorem_ipsum", lorem
        yield (
            "curly_bracket",
            "curly_bracket",
            extended(base, "The template still said {name} where a name was meant."),
        )
        long = ", ".join(s[0].lower() + s[1:] for s in sentences).replace("?", ",") + "."
        yield "few_sentences", "min_sentences", replace(base, paragraphs=(long,))
        numbers = " ".join(f"{n * n + 1000 * seed} {n * 37 + 5}" for n in range(10, 90))
        table = f"The counts of the season have to be read from left to right: {numbers}."
        yield "numbers", "alphabetic_words", replace(base, paragraphs=(*base.paragraphs[:2], table))
        codes = _german_compounds(seed)
        rows = tuple(f"Then the list goes on to {' '.join(codes[n : n + 10])}." for n in range(0, 60, 10))
        yield "long_words", "mean_word_length", replace(base, paragraphs=rows)


def _german_compounds(seed: int) -> list[str]:
    heads = (
        "donaudampfschifffahrts",
        "kraftfahrzeugs",
        "grundstücksverkehrs",
        "lebensversicherungs",
        "hochwasser",
    )
    tails = ("gesellschaftskapitän", "genehmigungsbehörde", "ausschussvorsitzende", "schutzmaßnahmen")
    ends = ("witwe", "mütze", "treffen", "verordnung")
    return [heads[(n + seed) % 5] + tails[n % 4] + ends[n // 20] for n in range(60)]
