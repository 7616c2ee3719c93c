import json
import math
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
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
    with pytest.raises(CurateError, match="line 1"):
        read_texts([str(texts)], 1)
