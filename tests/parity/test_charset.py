"""Character encodings against the html5lib conformance cases, and the order of the WHATWG sniffing algorithm."""

import codecs
import collections

import pyarrow as pa
import pytest

from curate import _native


def decode(pages, content_types=None, urls=None):
    def texts(values):
        return pa.array(values or [None] * len(pages), pa.large_string())

    found = _native.decode_html(pa.array(pages, pa.large_binary()), texts(content_types), texts(urls))
    return pa.array(found).to_pylist()


def read_cases(folder):
    """(file, page, label): `#data` and `#encoding` blocks; the pages are bytes of any encoding."""
    for path in sorted(folder.glob("**/*.dat")):
        for case in path.read_bytes().split(b"#data\n")[1:]:
            page, label = case.split(b"\n#encoding\n")
            yield path.relative_to(folder).as_posix(), page, label.split()[0].decode()


def cause(file, page, label, found):
    """Why a case is decided otherwise here; None = it is not."""
    if codecs.lookup(found["encoding"]) == codecs.lookup(label):
        return None
    if found["encoding"] != "UTF-8":
        return "wrong"
    if file.startswith("scripted/"):
        return "script"  # the declaration is written by a script
    if page.isascii() and label.lower() == "windows-1252":
        return "ascii"  # no declaration: Western or UTF-8, the text is the same
    return "wrong" if page.isascii() else "multi-byte"


def test_html5lib_cases(data_dir):
    cases = list(read_cases(data_dir / "html5lib-tests" / "encoding"))
    assert len(cases) == 83
    results = decode([page for _, page, _ in cases])
    causes = collections.Counter()
    for (file, page, label), found in zip(cases, results, strict=True):
        why = cause(file, page, label, found)
        causes[why or "agreed"] += 1
        if why in (None, "ascii"):
            assert found["text"] == page.decode(label).removeprefix("\ufeff"), page
        if why == "multi-byte":  # the file was converted to UTF-8, which contradicts its declaration
            assert found["text"] == page.decode("utf-8"), page
        if why is not None:
            print(f"{file}: expected {label}, found {found['encoding']} ({why}): {page[:60]!r}")
    print(dict(causes))
    assert causes["wrong"] == 0
    # 98 %: all but a file that holds UTF-8 under a false declaration and one whose declaration a script writes.
    assert causes["agreed"] + causes["ascii"] >= 81
    assert causes["multi-byte"] <= 1
    assert causes["script"] <= 1


MARK_8, MARK_LE, MARK_BE = b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"
META = b'<meta charset="koi8-r">\xc1'
ORDER = [
    ("mark before header", MARK_8 + META.replace(b"\xc1", b""), "text/html; charset=big5", "UTF-8"),
    ("mark before header", MARK_LE + "<p>x".encode("utf-16-le"), "text/html; charset=utf-8", "UTF-16LE"),
    ("mark before header", MARK_BE + "<p>x".encode("utf-16-be"), "text/html; charset=utf-8", "UTF-16BE"),
    ("header before meta", META, "text/html; charset=iso-8859-2", "ISO-8859-2"),
    ("header in quotes", META, "text/html;charset='iso-8859-2'", "ISO-8859-2"),
    ("labels are aliases", META, "text/html; charset=latin1", "windows-1252"),
    ("unknown header label", META, "text/html; charset=nonsense", "KOI8-R"),
    ("header without charset", META, "text/html", "KOI8-R"),
    ("meta", META, None, "KOI8-R"),
    ("meta in a comment", b"<!-- <meta charset=big5> --><meta charset=koi8-r>\xc1", None, "KOI8-R"),
    ("meta pragma", b"<meta http-equiv=content-type content='x; charset=koi8-r'>\xc1", None, "KOI8-R"),
    ("content without pragma", b"<meta content='x; charset=koi8-r'>", None, "UTF-8"),
    ("late meta", b" " * 5000 + b"<meta charset=koi8-r>", None, "KOI8-R"),
    ("meta far below any head", b" " * (64 << 10) + b"<meta charset=koi8-r>", None, "UTF-8"),
    ("meta that never ends", b"<meta charset=koi8-r", None, "UTF-8"),
    ("UTF-16 in meta", b"<meta charset=utf-16>", None, "UTF-8"),
    ("x-user-defined in meta", b"<meta charset=x-user-defined>\xe9", None, "windows-1252"),
    ("replacement", b"<p>x", "text/html; charset=iso-2022-kr", "UTF-8"),
]


@pytest.mark.parametrize(("what", "page", "content_type", "encoding"), ORDER, ids=[case[0] for case in ORDER])
def test_the_order_is_mark_header_meta(what, page, content_type, encoding):
    assert decode([page], [content_type])[0]["encoding"] == encoding


def test_a_mark_is_not_text_and_a_null_page_has_no_fields():
    found = decode([MARK_8 + "é".encode(), MARK_LE + "é".encode("utf-16-le"), None, b""])
    assert [row["text"] for row in found] == ["é", "é", None, ""]
    assert found[2] == {"text": None, "encoding": None, "replacements": None}


def test_declared_text_is_decoded_as_python_does():
    texts = {
        "shift_jis": "日本語の文章です。",
        "euc-jp": "日本語の文章です。",
        "iso-2022-jp": "日本語の文章です。",
        "big5": "中文網頁內容測試",
        "gb18030": "中文网页内容测试",
        "euc-kr": "한국어 문장입니다",
        "windows-1251": "Старая мельница",
        "koi8-r": "Старая мельница",
        "iso-8859-7": "ελληνικά κείμενα",
        "windows-1255": "טקסט בעברית",
        "windows-1256": "نص عربي",
        "windows-1252": "naïve “quotes” – €",
        "iso-8859-2": "Zażółć gęślą jaźń",
        "utf-8": "日本語 ü 🙂",
    }
    pages = [text.encode(name) for name, text in texts.items()]
    found = decode(pages, [f"text/html; charset={name}" for name in texts])
    assert [row["text"] for row in found] == list(texts.values())
    assert {row["replacements"] for row in found} == {0}


def test_undeclared_text_is_detected_from_its_bytes():
    russian = "Это русский текст, кодировка которого нигде не указана, и его надо узнать по байтам."
    japanese = "これは日本語の文章です。文字コードの自動判別を試します。短すぎると判別できません。"
    texts = [(russian, "windows-1251"), (russian, "koi8-r"), (japanese, "shift_jis"), (japanese, "euc-jp")]
    found = decode([text.encode(name) for text, name in texts])
    assert [row["text"] for row in found] == [text for text, _ in texts]


def test_replacements_are_counted():
    found = decode([b"caf\xe9 \xff \xc3\xa9 \xc3\xa9 \xc3\xa9"], ["text/html; charset=utf-8"])
    assert (found[0]["encoding"], found[0]["replacements"]) == ("UTF-8", 2)
    assert found[0]["text"].count("\ufffd") == 2
