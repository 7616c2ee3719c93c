"""Responses that are no plain page in UTF-8: other records, other charsets, codings, truncations."""

from collections.abc import Iterator
from dataclasses import replace

from curate.sample import archive
from curate.sample.pages import render
from curate.sample.prose import Article, compose
from curate.sample.records import Record, english, page, response

BOMB_BYTES = 2064 * 65024 + 1  # 128 MiB of spaces in 0.8 MiB


def _bare(
    kind: str, label: str, warc_type: str, content: bytes, reason: str, content_type: str, url: str | None
) -> Record:
    name = f"{kind}-{label}"
    warc = archive.record(warc_type, archive.record_id(name), content, url=url, content_type=content_type)
    return Record(archive.record_id(name).strip("<>"), url or "", kind, warc, "read", reason)


def not_pages() -> Iterator[Record]:
    """Records of other types, other media, failed or empty responses, and a gzip bomb."""
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
    html = render(english(4300), "article", "Assets").encode()
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


def charsets() -> Iterator[Record]:
    """Pages in other charsets, declared in the header, in the page, falsely, or not at all."""

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
        warc = response(f"charset-{label}", url, archive.http(body, content_type=kind))
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


def codings() -> Iterator[Record]:
    """Pages under content and transfer codings, pages cut by the crawler, and repeated ids."""
    ways = ("chunked", "gzip", "deflate", "gzip_chunked", "x-gzip")
    for number in range(2 * len(ways)):
        coding, article = ways[number % len(ways)], english(4500 + number)
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
        warc = response(f"coding-{number}", url, archive.http(body, headers=tuple(headers)))
        identifier = archive.record_id(f"coding-{number}").strip("<>")
        yield Record(identifier, url, "coding", warc, None, None, "en", {"coding": coding}, article.text)
    for number, why in enumerate(("length", "time", "disconnect")):
        article = english(4600 + number)
        whole = page("truncated", why, article, warc_headers=(("WARC-Truncated", why),))
        yield replace(whole, details={**whole.details, "truncated": why})
    for number in range(2):
        first = page("repeated_id", str(number), english(4700 + number))
        again = page("repeated_id", str(number), english(4710 + number), url=f"{first.url}/again")
        yield replace(first, kind="repeated_id_original")
        yield replace(again, stage="read", reason="repeated_id")
