"""What is planted in the sample crawl: every record, with the fate it should meet and the facts behind it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from curate.sample import archive, identifiers
from curate.sample.evaluation import EvalItem, eval_items
from curate.sample.pages import TEMPLATES, render
from curate.sample.prose import COMMON, Article, Chooser, Writer, compose, topics

PLAIN_PAGES = {"en": 230, "de": 50, "fr": 45, "es": 45, "it": 40}
BOMB_BYTES = 2064 * 65024 + 1  # 128 MiB of spaces in 0.8 MiB
BLOCKED_DOMAIN = "blocked-site.example"
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
    warc = _response(f"{kind}-{label}", url, archive.http(body, headers=headers), warc_headers, version)
    identifier = archive.record_id(f"{kind}-{label}").strip("<>")
    facts = {**(details or {}), "template": template}
    return Record(identifier, url, kind, warc, stage, reason, article.language, facts, article.text)


def planted_records() -> list[Record]:
    """Everything planted into undamaged files."""
    makers: tuple[Callable[[], Iterator[Record]], ...] = (
        _duplicates,
        _pii,
        _contaminated,
        _bad_quality,
        _bad_urls,
        _opt_outs,
        _not_pages,
        _charsets,
        _codings,
    )
    return [made for maker in makers for made in maker()]


def damaged_records() -> list[Record]:
    """Records for the damaged file, in order; those after a damage are to be recovered."""
    found: list[Record] = []
    for number in range(24):
        label = f"{number:02d}"
        made = page("beside_damage", label, _english(5000 + number), version="1.1" if number % 3 else "1.0")
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


def _english(seed: int) -> Article:
    names = [name for name in topics("en") if name != COMMON]
    return compose("en", names[seed % len(names)], seed)


def _response(
    label: str, url: str, message: bytes, headers: tuple[tuple[str, str], ...] = (), version: str = "1.0"
) -> bytes:
    return archive.record(
        "response", archive.record_id(label), message, url=url, headers=headers, version=version
    )


def _with(article: Article, *sentences: str) -> Article:
    """The article with sentences added to the end of its second paragraph."""
    paragraphs = list(article.paragraphs)
    paragraphs[1] = " ".join((paragraphs[1], *sentences))
    return replace(article, paragraphs=tuple(paragraphs))


def _revised(article: Article, note: str) -> Article:
    return replace(article, paragraphs=(*article.paragraphs, note))


def _duplicates() -> Iterator[Record]:
    for number in range(6):
        article, cluster = _english(1000 + number), f"exact-{number}"
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
            article = _english(1100 + 10 * band + number)
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
            article = _with(_english(2000 + number), _PII_SENTENCES[kind].format(value))
            facts = {"pii": [{"kind": kind, "value": value}]}
            yield page("pii", f"{number:02d}", article, details=facts)
            number += 1
    email, phone = pii_values()["email"][0], pii_values()["phone"][2]
    article = compose("de", "garten", 2100)
    article = _with(
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
    label, article = f"{number:02d}", _with(_english(3000 + number), sentence)
    if len(quote) < 13:
        return page("eval_control", label, article, details=facts)
    return page("eval_passage", label, article, stage="contamination", reason="contaminated", details=facts)


def _bad_quality() -> Iterator[Record]:
    for number, (kind, reason, article) in enumerate(bad_articles()):
        yield page(kind, f"{number:02d}", article, stage="quality", reason=reason)


_SHORT_END = "That is all we know. More may follow. Please be patient. The rest is lost."
_TWICE = "Come again next week and bring a friend."


def bad_articles() -> Iterator[tuple[str, str, Article]]:
    """Texts that break one published rule each: kind, reason, article. See the FineWeb recipe's thresholds."""
    for seed in range(3):
        base = _english(4000 + seed)
        first = base.paragraphs[0].split(". ")[0] + "."
        yield "short", "min_words", replace(base, paragraphs=(first, _SHORT_END))
    for seed in range(3):
        base, chooser = _english(4010 + seed), Chooser(seed)
        tool = chooser.pick(("cheap watches", "garden sheds", "printer ink", "magic pills"))
        line = f"Buy {tool} today, because the best {tool} have to be bought with us and the price is right."
        yield "spam", "repetition", replace(base, paragraphs=(" ".join([line] * 14),))
        doubled = (*base.paragraphs, _TWICE, _TWICE)
        yield "duplicate_lines", "duplicate_lines", replace(base, paragraphs=doubled)
    for seed in range(2):
        base = _english(4020 + seed)
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
        lorem = _with(base, "Lorem ipsum dolor sit amet, consectetur adipiscing elit.")
        yield "lorem_ipsum", "lorem_ipsum", lorem
        yield (
            "curly_bracket",
            "curly_bracket",
            _with(base, "The template still said {name} where a name was meant."),
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


def _bad_urls() -> Iterator[Record]:
    adult = ("xxx-porn-videos", "free-sex-cams", "hardcore-porn-tube", "nude-sex-pics")
    for number, name in enumerate(adult):
        url = f"https://www.{name}.example/xxx/{number}"
        yield page(
            "adult_url", str(number), _english(4100 + number), url=url, stage="url", reason="banned_word"
        )
    for number, host in enumerate(("", "www.", "deep.sub.")):
        url = f"http://{host}{BLOCKED_DOMAIN}/page/{number}"
        yield page(
            "blocked_domain",
            str(number),
            _english(4110 + number),
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
        article = _english(4200 + number)
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
        yield page("opt_in_control", str(number), _english(4210 + number), head=head, headers=tdm_header)


def _bare(
    kind: str, label: str, warc_type: str, content: bytes, reason: str, content_type: str, url: str | None
) -> Record:
    name = f"{kind}-{label}"
    warc = archive.record(warc_type, archive.record_id(name), content, url=url, content_type=content_type)
    return Record(archive.record_id(name).strip("<>"), url or "", kind, warc, "read", reason)


def _not_pages() -> Iterator[Record]:
    site = "https://www.assets.example"
    for number in range(3):
        info = b"software: curate sample\r\nformat: WARC File Format 1.0\r\n"
        yield _bare("warcinfo", str(number), "warcinfo", info, "record_type", "application/warc-fields", None)
        request = b"GET / HTTP/1.1\r\nHost: www.assets.example\r\n\r\n"
        kind = "application/http; msgtype=request"
        yield _bare("request", str(number), "request", request, "record_type", kind, f"{site}/{number}")
        fields = b"fetchTimeMs: 120\r\n"
        yield _bare(
            "metadata",
            str(number),
            "metadata",
            fields,
            "record_type",
            "application/warc-fields",
            f"{site}/{number}",
        )
        answer = b"HTTP/1.1 304 Not Modified\r\nServer: sample\r\n\r\n"
        kind = "application/http; msgtype=response"
        yield _bare("revisit", str(number), "revisit", answer, "record_type", kind, f"{site}/{number}")
    response = "application/http; msgtype=response"
    mimes = (("image/png", b"\x89PNG\r\n\x1a\n" + bytes(200)), ("application/pdf", b"%PDF-1.4\n%%EOF\n"))
    for number, (mime, body) in enumerate((*mimes, ("application/json", b'{"tide": [1, 2, 3]}'))):
        message = archive.http(body, content_type=mime)
        yield _bare("mime", str(number), "response", message, "mime", response, f"{site}/file/{number}")
    html = render(_english(4300), "article", "Assets").encode()
    statuses = ("404 Not Found", "301 Moved Permanently", "500 Internal Server Error", "403 Forbidden")
    for number, status in enumerate(statuses):
        extra = (("Location", f"{site}/new"),) if status.startswith("301") else ()
        message = archive.http(html, status=status, headers=extra)
        yield _bare(
            "status", str(number), "response", message, "http_status", response, f"{site}/gone/{number}"
        )
    for number in range(2):
        yield _bare(
            "empty_body",
            str(number),
            "response",
            archive.http(b""),
            "empty",
            response,
            f"{site}/empty/{number}",
        )
    bomb = archive.gzip_bomb(BOMB_BYTES)
    message = archive.http(bomb, headers=(("Content-Encoding", "gzip"),))
    made = _bare("bomb", "0", "response", message, "payload_limit", response, f"{site}/bomb")
    yield replace(made, details={"decoded_bytes": BOMB_BYTES, "encoded_bytes": len(bomb)})


RUSSIAN = (
    "Старая мельница",
    (
        "Старая мельница стоит на берегу реки уже больше ста лет, и каждое лето сюда приезжают дети из соседних сёл. "
        "Её построили два брата, которые раньше торговали солью и хорошо знали местные дороги.",
        "Зимой вода замерзала, и мельник чинил колесо, плёл корзины и рассказывал длинные истории у печи. "
        "Весной, когда начинался паводок, приходилось поднимать заслонки и следить за плотиной днём и ночью.",
        "Сейчас внутри открыт небольшой музей, где можно увидеть жернова, мешки и старые весы. "
        "По воскресеньям здесь пекут хлеб, и запах слышен на другом берегу. "
        "Мы советуем приезжать утром, пока на тропинке никого нет.",
    ),
)
JAPANESE = (
    "海辺の灯台",
    (
        "岬の灯台は百年前に建てられ、今でも毎晩、沖を通る船に光を送っています。"
        "昔は灯台守の家族が隣の小さな家に住み、交代で火を見守っていました。",
        "冬の嵐の夜には、波しぶきが窓まで届いたそうです。それでも明かりが消えたことは一度もありませんでした。",
        "今は機械が仕事をしていますが、月に一度だけ中を見学することができます。"
        "階段は狭くて急なので、歩きやすい靴で来てください。上からは島々と長い砂浜がよく見えます。",
    ),
)


def _charsets() -> Iterator[Record]:
    def made(
        label: str, title: str, paragraphs: tuple[str, ...], lang: str, charset: str, meta: str, header: str
    ) -> Record:
        shell = Article("en" if lang in {"ru", "ja"} else lang, "charset", title, paragraphs)
        html = render(shell, "forum", label, charset=meta)
        if lang in {"ru", "ja"}:
            html = html.replace('lang="en"', f'lang="{lang}"')
        html = html.replace("©", "(c)")
        body = b"\xff\xfe" + html.encode("utf-16-le") if charset == "utf-16" else html.encode(charset)
        kind = f"text/html; charset={header}" if header else "text/html"
        url = f"https://www.charset.example/{label}"
        warc = _response(f"charset-{label}", url, archive.http(body, content_type=kind))
        facts = {"charset": charset, "meta": meta, "header": header, "contains": paragraphs[0][:40]}
        identifier = archive.record_id(f"charset-{label}").strip("<>")
        return Record(identifier, url, "charset", warc, None, None, lang, facts, "\n".join(paragraphs))

    french, german = compose("fr", "phare", 4400), compose("de", "fluss", 4401)
    quiet = tuple(paragraph.replace("œ", "oe") for paragraph in french.paragraphs)
    yield made("liar-1252", french.title, quiet, "fr", "windows-1252", "utf-8", "")
    yield made("latin-1-header", german.title, german.paragraphs, "de", "iso-8859-1", "", "ISO-8859-1")
    yield made("cyrillic-header", *RUSSIAN, "ru", "windows-1251", "", "windows-1251")
    yield made("shift-jis-meta", *JAPANESE, "ja", "shift_jis", "Shift_JIS", "")
    yield made("utf-16-bom", french.title, quiet, "fr", "utf-16", "", "")
    spanish = compose("es", "faro", 4402)
    yield made("undeclared", spanish.title, spanish.paragraphs, "es", "windows-1252", "", "")


def _codings() -> Iterator[Record]:
    codings = ("chunked", "gzip", "deflate", "gzip_chunked", "x-gzip")
    for number in range(2 * len(codings)):
        coding, article = codings[number % len(codings)], _english(4500 + number)
        body = render(article, "blog", "Codings").encode()
        headers: list[tuple[str, str]] = []
        if "gzip" in coding:
            body = archive.gzip_member(body, huffman=True)
            headers.append(("Content-Encoding", coding.removesuffix("_chunked")))
        elif coding == "deflate":
            body = archive.zlib_stream(body)
            headers.append(("Content-Encoding", "deflate"))
        if "chunked" in coding:
            body = archive.chunked(body, 700)
            headers.append(("Transfer-Encoding", "chunked"))
        url = f"https://www.codings.example/{coding}/{number}"
        warc = _response(f"coding-{number}", url, archive.http(body, headers=tuple(headers)))
        identifier = archive.record_id(f"coding-{number}").strip("<>")
        yield Record(identifier, url, "coding", warc, None, None, "en", {"coding": coding}, article.text)
    for number, why in enumerate(("length", "time", "disconnect")):
        article = _english(4600 + number)
        whole = page("truncated", why, article, warc_headers=(("WARC-Truncated", why),))
        yield replace(whole, details={**whole.details, "truncated": why})
    for number in range(2):
        first = page("repeated_id", str(number), _english(4700 + number))
        again = page("repeated_id", str(number), _english(4710 + number), url=f"{first.url}/again")
        yield replace(first, kind="repeated_id_original")
        yield replace(again, stage="read", reason="repeated_id")
