import gzip
import json
import math
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from curate.cli import command_line
from curate.errors import CurateError
from curate.tokenizer import Tokenizer
from curate.tokenizer_report import plot, read_texts, renyi_efficiency, report, table

TEXTS = {"en": ["the cat sat on the mat", "the dog"], "ja": ["漢字かな混じり文"], "none": []}


def test_figures_are_what_they_say() -> None:
    bytes_only = Tokenizer.train([], 257)
    found = report("bytes", bytes_only, TEXTS)
    english, japanese, nothing = found.languages
    assert english.bytes_per_token == english.characters_per_token == 1
    assert (japanese.bytes_per_token, japanese.characters_per_token) == (1, 1 / 3)
    assert (english.premium, japanese.premium) == (1, pytest.approx(3))
    assert english.tokens_per_word == sum(len(w) + 1 for t in TEXTS["en"] for w in t.split()) / 8
    assert english.whole_words == 0
    assert nothing.tokens == 0
    used = {byte for some in TEXTS.values() for text in some for byte in text.encode()}
    unused = [n for n, token in enumerate(bytes_only.tokens()) if token is not None and token[0] not in used]
    assert found.never_used == tuple(unused)
    assert (found.not_text, found.longest, found.unreachable) == (128, 1, ())


def test_whole_words_are_one_token() -> None:
    trained = Tokenizer.train([" the cat"] * 5, 400)
    (found,) = report("a", trained, {"en": ["the cat"]}).languages
    assert found.whole_words == 1
    assert found.tokens_per_word == 1


def test_renyi_efficiency_of_known_distributions() -> None:
    assert renyi_efficiency(np.array([5, 5, 5, 5])) == pytest.approx(1)
    assert renyi_efficiency(np.array([5, 0, 0, 0])) == pytest.approx(0)
    assert renyi_efficiency(np.array([3, 1]), 2) == pytest.approx(-math.log(0.625) / math.log(2))
    assert renyi_efficiency(np.array([0, 0])) == 0
    with pytest.raises(ValueError, match="order"):
        renyi_efficiency(np.array([1, 1]), 1)


def test_suspicious_tokens_are_named() -> None:
    root = json.loads(Tokenizer.train(["abab"], 260).to_bytes())
    vocab, merges = root["model"]["vocab"], root["model"]["merges"]
    vocab["zq"] = len(vocab)
    vocab["a\u0100"] = len(vocab)
    merges.append(["a", "\u0100"])
    long = "abcdefghijklmnopqrstuvwxyz"
    for end in range(3, len(long) + 1):
        vocab[long[:end]] = len(vocab)
        merges.append([long[: end - 1], long[end - 1]])
    tokenizer = Tokenizer.from_bytes(json.dumps(root).encode())
    found = report("a", tokenizer, {"en": ["a"]})
    told = {tokenizer.tokens()[number]: why for number, why in found.suspicious.items()}
    assert told == {
        b"zq": "unreachable",
        b"a\x00": "control characters",
        **dict.fromkeys([long[:25].encode(), long.encode()], "very long"),
    }


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(CurateError, match="no text"):
        report("a", Tokenizer.train([], 257), {"en": []})


def test_table_and_plot_show_every_tokenizer_and_language() -> None:
    reports = [
        report(name, Tokenizer.train(TEXTS["en"], size), TEXTS) for name, size in [("<a>", 257), ("b", 290)]
    ]
    lines = table(reports).splitlines()
    assert sum(line.startswith("<a>") for line in lines) == 4
    picture = ET.fromstring(plot(reports))
    assert len(picture.findall("{*}rect")) == 6


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    Tokenizer.train(TEXTS["en"], 280).save(str(tmp_path / "tokenizer.json"))
    lines = [json.dumps({"text": text, "lang": lang}) for lang, some in TEXTS.items() for text in some]
    texts = tmp_path / "texts.jsonl"
    texts.write_text("\n".join(lines))
    words = [
        "tokenizer",
        "report",
        str(tmp_path / "tokenizer.json"),
        "--text",
        str(texts),
        "--plot",
        str(tmp_path / "a.svg"),
    ]
    done = CliRunner().invoke(command_line, words, standalone_mode=False)
    assert done.return_value == 0
    assert "ja" in done.output
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    assert read_texts([str(texts)], 1) == {"en": [TEXTS["en"][0]], "ja": TEXTS["ja"]}
    texts.write_text("[1]")
    with pytest.raises(CurateError, match="row 1"):
        read_texts([str(texts)], 1)


def test_texts_come_from_lines_parquet_and_arrow(tmp_path: Path) -> None:
    """Each form gives the same; the language is `lang`, or `language` as in the documents of a run."""
    rows = [{"text": text, "language": lang} for lang, some in TEXTS.items() for text in some]
    rows.append({"text": "no language", "language": None})
    expected = {"en": TEXTS["en"], "ja": TEXTS["ja"], "unknown": ["no language"]}
    table_ = pa.Table.from_pylist(rows)
    pq.write_table(table_, tmp_path / "00000.parquet")
    with pa.ipc.new_stream(tmp_path / "stream.arrow", table_.schema) as stream:
        stream.write(table_)
    with pa.ipc.new_file(tmp_path / "file.arrow", table_.schema) as file:
        file.write(table_)
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.jsonl").write_bytes(lines)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    for name in ("00000.parquet", "stream.arrow", "file.arrow", "a.jsonl.gz", "deep/**/*.jsonl"):
        assert read_texts([str(tmp_path / name)], 9) == expected, name


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x80\x81" * 50, "row 1: no object with a `text`"),
        (b'{"text": "\xff"}', "row 1: no object with a `text`"),
        (b'{"text": "\\ud800"}', "row 1: no object with a `text`"),
        (b'{"text": "a"}\n{"words": "b"}', "row 2: no object with a `text`"),
        (gzip.compress(b'{"text": "a"}\n' * 9)[:-9], "cut_short"),
        (b"PAR1" + b"\xee" * 90, "cannot be read"),
        (b"\xff\xff\xff\xff" + b"\xee" * 90, "cannot be read"),
    ],
)
def test_a_file_without_texts_is_told_in_a_line(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "texts").write_bytes(content)
    with pytest.raises(CurateError, match=told) as caught:
        read_texts([str(tmp_path / "texts")], 9)
    assert caught.value.hint
    assert len(str(caught.value)) < 400


def test_a_table_without_texts_and_a_pattern_without_files_are_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"words": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(CurateError, match="no column `text`"):
        read_texts([str(tmp_path / "a.parquet")], 9)
    with pytest.raises(FileNotFoundError, match=r"no file matches .*\*\*/\*\.jsonl"):
        read_texts([str(tmp_path / "**/*.jsonl")], 9)


def test_the_table_tells_texts_and_tokens() -> None:
    found = report("bytes", Tokenizer.train([], 257), TEXTS)
    lines = [line.split() for line in table([found]).splitlines()]
    assert lines[0][2:5] == ["texts", "tokens", "tokens/text"]
    assert lines[1][:5] == ["bytes", "en", "2", "29", "14.5"]
    assert lines[-1][1] == str(29 + len("".join(TEXTS["ja"]).encode()))
