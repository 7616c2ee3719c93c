"""What is planted in the sample crawl: every record, with the fate it should meet and the facts behind it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from curate.sample import archive, identifiers
from curate.sample.evaluation import EvalItem, eval_items
from curate.sample.pages import TEMPLATES
from curate.sample.planted_quality import bad_quality
from curate.sample.planted_responses import charsets, codings, not_pages
from curate.sample.prose import COMMON, Article, Writer, compose, topics
from curate.sample.records import Record, english, extended, jaccard, page

PLAIN_PAGES = {"en": 230, "de": 50, "fr": 45, "es": 45, "it": 40}
BLOCKED_DOMAIN = "blocked-site.example"


def plain_articles(language: str) -> Iterator[Article]:
    """The unplanted pages of a language."""
    names = [name for name in topics(language) if name != COMMON]
    base = 10_000 * list(PLAIN_PAGES).index(language)
    for number in range(PLAIN_PAGES[language]):
        yield compose(language, names[number % len(names)], base + number)


def plain_records() -> list[Record]:
    """The unplanted pages of every language, all to be kept."""
    found = []
    names = list(TEMPLATES)
    for language in PLAIN_PAGES:
        for number, article in enumerate(plain_articles(language)):
            found.append(
                page("prose", f"{language}-{number:03d}", article, template=names[number % len(names)])
            )
    return found


def planted_records() -> list[Record]:
    """Everything planted into undamaged files."""
    makers: tuple[Callable[[], Iterator[Record]], ...] = (
        _duplicates,
        _pii,
        _contaminated,
        bad_quality,
        _bad_urls,
        _opt_outs,
        not_pages,
        charsets,
        codings,
    )
    return [made for maker in makers for made in maker()]


def damaged_records() -> list[Record]:
    """Records for the damaged file, in order; those after a damage are to be recovered."""
    found: list[Record] = []
    for number in range(24):
        label = f"{number:02d}"
        made = page("beside_damage", label, english(5000 + number), version="1.1" if number % 3 else "1.0")
        if number in {6, 13}:
            made = replace(made, kind="broken_gzip", stage="read", reason="broken_gzip", damage="flip")
        elif number in {9, 17}:
            longer = number == 9
            true = made.warc.split(archive.CRLF * 2, 1)[0].rsplit(b": ", 1)[1]
            lie = int(true) + 5000 if longer else int(true) - 700
            warc = made.warc.replace(b"Content-Length: " + true, b"Content-Length: %d" % lie, 1)
            facts = {**made.details, "claimed": lie, "true": int(true)}
            made = replace(
                made, kind="lying_length", warc=warc, stage="read", reason="bad_length", details=facts
            )
        elif number == 23:
            made = replace(made, kind="cut_file", stage="read", reason="cut_file", damage="cut")
        found.append(made)
    return found


def _revised(article: Article, note: str) -> Article:
    return replace(article, paragraphs=(*article.paragraphs, note))


def _duplicates() -> Iterator[Record]:
    for number in range(6):
        article, cluster = english(1000 + number), f"exact-{number}"
        if number == 5:
            article = compose("de", "fluss", 1000)
        facts = {"cluster": cluster, "jaccard": 1.0}
        yield page("duplicate_original", cluster, article, details={"cluster": cluster})
        for copy in range(1 + number % 2):
            label = f"{cluster}-{copy}"
            yield page(
                "exact_duplicate", label, article, stage="exact_dedup", reason="duplicate", details=facts
            )
    bands = (("near_duplicate", 0.92, 0.97), ("near_duplicate", 0.80, 0.89), ("similar_control", 0.5, 0.65))
    for band, (kind, low, high) in enumerate(bands):
        for number in range(5):
            cluster = f"near-{band}-{number}"
            article = english(1100 + 10 * band + number)
            article = _revised(article, "This page was last revised in the autumn of 2014 by the editors.")
            variant, similarity = _variant(article, low, high)
            yield page("duplicate_original", cluster, article, details={"cluster": cluster})
            facts = {"cluster": cluster, "jaccard": round(similarity, 6)}
            gone = kind == "near_duplicate"
            yield page(
                kind,
                cluster,
                variant,
                stage="near_dedup" if gone else None,
                reason="duplicate" if gone else None,
                details=facts,
            )


def _variant(article: Article, low: float, high: float) -> tuple[Article, float]:
    """An edited article whose similarity with the given one lies between the limits.

    A changed note of revision may do; otherwise sentences are replaced, one more in each round.
    """
    note = "This page was last revised in the spring of 2019 by the editors."
    base = replace(article, paragraphs=(*article.paragraphs[:-1], note))
    if low <= (similarity := jaccard(article.text, base.text)) <= high:
        return base, similarity
    base = article
    for count in range(1, 9):
        for seed in range(40):
            writer = Writer("en", article.topic, 70_000 + seed)
            paragraphs = [paragraph.split(". ") for paragraph in base.paragraphs]
            places = [(p, s) for p, parts in enumerate(paragraphs[:-1]) for s in range(len(parts) - 1)]
            if count > len(places):
                break
            pool = [sentence for sentence in writer.common.sentences if not sentence.startswith("[")]
            chosen = writer.chooser.subset(len(pool), count)
            for place, sentence in zip(writer.chooser.subset(len(places), count), chosen, strict=True):
                p, s = places[place]
                paragraphs[p][s] = writer.write(pool[sentence]).removesuffix(".")
            edited = replace(base, paragraphs=tuple(". ".join(parts) for parts in paragraphs))
            if low <= (similarity := jaccard(article.text, edited.text)) <= high:
                return edited, similarity
    raise AssertionError(f"no variant of {article.title!r} between {low} and {high}")


def pii_values() -> dict[str, tuple[str, ...]]:
    """The planted personal data by kind."""
    return {
        "email": (
            "greta.holm@mail.example.org",
            "o.ferrier+notes@lists.example.net",
            "sales@shop.example.com",
        ),
        "ipv4": ("45.83.117.204", "91.198.60.77"),
        "ipv6": ("2a03:b0c0:3:d0::1af1:7001", "2606:4c40:10:2::5d"),
        "phone": ("+44 20 7946 0958", "+1 (212) 555-0147", "+49 30 23125 148"),
        "payment_card": ("4111 1111 1111 1111", identifiers.payment_card("555555"), "3782 822463 10005"),
        "iban": (identifiers.iban("DE", "370400440532013009"), identifiers.iban("GB", "WEST12345698765432")),
        "bitcoin_address": (identifiers.bitcoin_address("a"), identifiers.bech32_address("b")),
        "ethereum_address": (identifiers.ethereum_address("c"),),
        "jwt": (identifiers.jwt("reader"),),
        "private_key": (identifiers.private_key("d"),),
        "api_key": identifiers.api_keys("e"),
        "mac_address": ("00:1b:44:11:3a:b7", "3c-5a-b4-0e-91-7f"),
        "url_credentials": ("https://keeper:" + "seal-rock-42" + "@files.example.org/logs",),
    }


_PII_SENTENCES = {
    "email": "Questions reach us at {} on most days of the week.",
    "ipv4": "The weather camera answers at {} when the line is up.",
    "ipv6": "The newer address of the camera is {} since the spring.",
    "phone": "The workshop can be called on {} before noon.",
    "payment_card": "The old order form still showed the card number {} in full.",
    "iban": "Members pay their share into the account {} each January.",
    "bitcoin_address": "Somebody proposed to collect donations with bitcoin at {} instead.",
    "ethereum_address": "A younger member collects ether at {} for the new roof.",
    "jwt": "The log had printed the whole token {} by mistake.",
    "private_key": "Someone had pasted the key {} into the guest book.",
    "api_key": "The script of the weather page contained the key {} for everyone to see.",
    "mac_address": "The label on the receiver gives its hardware address as {} in small print.",
    "url_credentials": "The archive was shared as {} among the keepers.",
}


def _pii() -> Iterator[Record]:
    number = 0
    for kind, values in pii_values().items():
        for value in values:
            article = extended(english(2000 + number), _PII_SENTENCES[kind].format(value))
            facts = {"pii": [{"kind": kind, "value": value}]}
            yield page("pii", f"{number:02d}", article, details=facts)
            number += 1
    email, phone = pii_values()["email"][0], pii_values()["phone"][2]
    article = compose("de", "garten", 2100)
    article = extended(
        article, f"Wer Setzlinge tauschen möchte, schreibt an {email} oder ruft an unter {phone}."
    )
    facts = {"pii": [{"kind": "email", "value": email}, {"kind": "phone", "value": phone}]}
    yield page("pii", f"{number:02d}", article, details=facts)


def _contaminated() -> Iterator[Record]:
    items = eval_items()
    for number, item in enumerate(items):
        if number < 14:
            cut = 100 if number < 9 else 16
            yield _quoting(item, number, cut)
        else:
            yield _quoting(item, number, 9)


def _quoting(item: EvalItem, number: int, words: int) -> Record:
    quote = item.question.split(" ")[:words]
    passage = " ".join(quote)
    sentence = f"In the visitors' book somebody had copied a puzzle: {passage}"
    if passage != item.question:
        sentence = f"{sentence.rstrip(',;:')}, and there the ink ran out."
    facts = {"eval": item.id, "passage": passage, "words": len(quote)}
    label, article = f"{number:02d}", extended(english(3000 + number), sentence)
    if len(quote) < 13:
        return page("eval_control", label, article, details=facts)
    return page("eval_passage", label, article, stage="contamination", reason="contaminated", details=facts)


def _bad_urls() -> Iterator[Record]:
    adult = ("xxx-porn-videos", "free-sex-cams", "hardcore-porn-tube", "nude-sex-pics")
    for number, name in enumerate(adult):
        url = f"https://www.{name}.example/xxx/{number}"
        yield page(
            "adult_url", str(number), english(4100 + number), url=url, stage="url", reason="banned_word"
        )
    for number, host in enumerate(("", "www.", "deep.sub.")):
        url = f"http://{host}{BLOCKED_DOMAIN}/page/{number}"
        yield page(
            "blocked_domain",
            str(number),
            english(4110 + number),
            url=url,
            stage="url",
            reason="blocked_domain",
        )


def _opt_outs() -> Iterator[Record]:
    ways: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
        ("noai", '<meta name="robots" content="noai, noimageai">\n', ()),
        ("noai", "", (("X-Robots-Tag", "noai"),)),
        ("tdm_reservation", '<meta name="tdm-reservation" content="1">\n', ()),
        ("tdm_reservation", "", (("TDM-Reservation", "1"),)),
    )
    for number, (reason, head, headers) in enumerate(ways):
        article = english(4200 + number)
        facts = {"where": "meta" if head else "header"}
        yield page(
            "opt_out",
            str(number),
            article,
            stage="opt_out",
            reason=reason,
            details=facts,
            head=head,
            headers=headers,
        )
    controls = (("index, follow", ""), ("all", "0"))
    for number, (robots, tdm) in enumerate(controls):
        head = f'<meta name="robots" content="{robots}">\n'
        tdm_header = (("TDM-Reservation", tdm),) if tdm else ()
        yield page("opt_in_control", str(number), english(4210 + number), head=head, headers=tdm_header)
