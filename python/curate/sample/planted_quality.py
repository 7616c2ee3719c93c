"""Pages of bad quality: each breaks one published rule."""

import textwrap
from collections.abc import Iterator
from dataclasses import replace

from curate.sample.prose import Article, Chooser
from curate.sample.records import Record, english, extended, page

_SHORT_END = "That is all we know. More may follow. Please be patient. The rest is lost."
_TWICE = "Come again next week and bring a friend."
_LONG_WORDS = """
    acknowledgements administratively anthropomorphism characteristically circumnavigation commercialization
    compartmentalization comprehensibility conceptualization congratulations conservationists constitutionality
    contradistinction conversationalists correspondingly counterbalancing counterproductive counterrevolutionary
    crystallographers decentralization decontamination deinstitutionalization demilitarization departmentalization
    differentiation disadvantageously disproportionately distinguishability electrocardiograms electromagnetically
    entrepreneurship environmentalists establishmentarian experimentation extraterrestrials familiarization
    fundamentalists geographically hydroelectrically hyperventilation hypersensitivity impressionability
    incomprehensibility inconsequentially indistinguishable individualization industrialization institutionalization
    instrumentalists intercontinental interdisciplinary internationalization interrelationships irreconcilability
    kindheartedness lexicographically misrepresentations multidimensionality neuropsychologists ophthalmologists
""".split()  # noqa: SIM905 - sixty lines otherwise


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
        # Two articles' worth of bullets, so that the title does not bring their share below the limit.
        more = [s.rstrip(".") for p in english(4030 + seed).paragraphs for s in p.split(". ")]
        bullets = tuple(f"• {s}." for s in (*sentences, *more))
        yield "bullets", "bullet_lines", replace(base, paragraphs=bullets)
        paired = tuple(". ".join(sentences[n : n + 3]) for n in range(0, len(sentences), 3))
        yield "no_punctuation", "line_punctuation", replace(base, paragraphs=paired)
        # Whole words up to 28 characters: longer lines are not short, shorter ones are mostly punctuation.
        short = tuple(
            dict.fromkeys(f"{textwrap.shorten(s, 28, placeholder='').rstrip(',;:')}." for s in sentences)
        )
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
        terms = [_LONG_WORDS[(n + 7 * seed) % len(_LONG_WORDS)] for n in range(len(_LONG_WORDS))]
        rows = tuple(f"Most of the list is {' '.join(terms[n : n + 10])}." for n in range(0, len(terms), 10))
        yield "long_words", "mean_word_length", replace(base, paragraphs=rows)
