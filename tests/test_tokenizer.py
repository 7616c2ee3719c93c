import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import CurateError
from curate.tokenizer import Tokenizer

PATTERNS = ["gpt2", "cl100k", "o200k", "qwen2", r"\p{L}+"]
CORPUS = [
    "the cat sat on the mat",
    "the dog's 123 days\n\n  of  rain",
    "漢字かな混じり文",
    "",
    "naïve café",
] * 3

NASTY = [
    "",
    " ",
    "  ",
    "\n",
    "\r\n",
    " \n ",
    "\t\t\n",
    "a",
    "'s",
    "'S",
    "'\u017f",
    "don't DON'T",
    "\x00",
    "\x1c",
    "\x85",
    "\xa0",
    "\u2028",
    "\u200b",
    "\ufeff",
    "e\u0301",
    "\u0301",
    "1234567",
    "１２３４",
    "½",
    "👩‍👩‍👧",
    "\U0010ffff",
    "\ud7ff\ue000",
    "<|endoftext|>",
    "<|endoftext",
    "a<|endoftext|>b",
    "   x",
    "x   ",
    "\n\n\nx",
    "/" * 9,
    "ab" * 200,
    "-" * 500,
    "HelloWorld HTTPServer",
    "مرحبا",
    "हिन्दी",
    "ǅungla",
    "   \n  \n x",
    "!\n\n/",
    "!!\u0301a",
]


@pytest.fixture(scope="module", params=PATTERNS)
def trained(request: pytest.FixtureRequest) -> Tokenizer:
    return Tokenizer.train(CORPUS, 300, pattern=request.param)


@pytest.mark.parametrize("text", NASTY)
def test_nasty_texts_come_back(trained: Tokenizer, text: str) -> None:
    assert trained.decode(trained.encode(text), errors="strict") == text


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(trained: Tokenizer, text: str) -> None:
    ids = trained.encode(text)
    assert trained.decode(ids, errors="strict") == text
    assert trained.token_bytes()[ids].sum() == len(text.encode())
    assert trained.count_batch([text])[0].as_py() == len(ids)


@pytest.mark.parametrize("unit", ["a", "A", " ", "'", "\n", " \n", "1", "漢"])
def test_a_million_equal_letters_encode_and_train(trained: Tokenizer, unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert trained.decode(trained.encode(text)) == text
    Tokenizer.train([text], 280, pattern=trained.pattern)


def test_ids_are_specials_then_bytes_then_merges() -> None:
    tokenizer = Tokenizer.train(["abab ab"], 260, special_tokens=["<|endoftext|>", "<|pad|>"])
    assert tokenizer.special_tokens == {"<|endoftext|>": 0, "<|pad|>": 1}
    assert tokenizer.eos_id == 0
    assert tokenizer.id_of("!") == 2
    assert tokenizer.encode("ab").tolist() == [258]
    assert tokenizer.vocab_size == 260
    assert tokenizer.token_bytes().tolist()[:3] == [0, 0, 1]
    assert tokenizer.token_bytes().dtype == np.int32


def test_special_tokens_in_text_are_text_unless_allowed(trained: Tokenizer) -> None:
    text = "a<|endoftext|>b"
    eos = trained.eos_id
    assert eos not in trained.encode(text)
    for allowed in ("all", ["<|endoftext|>"]):
        ids = trained.encode(text, allowed_special=allowed)
        assert ids.tolist() == [*trained.encode("a"), eos, *trained.encode("b")]
        assert trained.decode(ids) == text
    with pytest.raises(CurateError, match="not a special token"):
        trained.encode(text, allowed_special=["<|nothing|>"])
    with pytest.raises(TypeError):
        trained.encode(text, allowed_special="<|endoftext|>")


def test_batches_are_arrow_lists_and_null_counts_as_empty(trained: Tokenizer) -> None:
    texts = ["the cat", None, "", "x"]
    batch = trained.encode_batch(pa.array(texts))
    assert batch.type == pa.list_(pa.uint16())
    assert batch.to_pylist() == [trained.encode(text or "").tolist() for text in texts]
    assert trained.count_batch(pa.array(texts)).to_pylist() == [len(ids) for ids in batch.to_pylist()]
    wide = trained.encode_batch(pa.array(texts).slice(1), last=trained.eos_id, id_type=pa.uint32())
    assert wide.type == pa.list_(pa.uint32())
    assert wide.to_pylist() == [[*ids, trained.eos_id] for ids in batch.to_pylist()[1:]]
    with pytest.raises(ValueError, match="last"):
        trained.encode_batch(texts, last=trained.vocab_size)


def test_decoding_takes_any_integers_and_names_unknown_ones(trained: Tokenizer) -> None:
    ids = trained.encode("the cat")
    for given_ids in (ids.tolist(), ids, pa.array(ids)):
        assert trained.decode(given_ids) == "the cat"
    assert trained.decode([]) == ""
    with pytest.raises(CurateError, match="not in the vocabulary") as caught:
        trained.decode([trained.vocab_size])
    assert caught.value.hint
    half = trained.encode("é")[:1] if len(trained.encode("é")) > 1 else trained.encode("ÿ")[:1]
    assert trained.decode(half) == "\ufffd"
    with pytest.raises(UnicodeDecodeError):
        trained.decode(half, errors="strict")


def test_counting_in_any_split_trains_the_same() -> None:
    whole = Tokenizer.train(CORPUS, 320)
    assert Tokenizer.train(pa.array(CORPUS), 320) == whole
    assert Tokenizer.train(pa.chunked_array([CORPUS[:4], CORPUS[4:]]), 320) == whole
    assert Tokenizer.train((pa.array([text]) for text in reversed(CORPUS)), 320) == whole
    assert Tokenizer.train(iter(CORPUS), 320).fingerprint == whole.fingerprint
    assert Tokenizer.train(CORPUS, 300) != whole


def test_saving_loading_and_pickling_keep_everything(trained: Tokenizer, tmp_path: Path) -> None:
    path = str(tmp_path / "tokenizer.json")
    trained.save(path)
    compressed = tmp_path / "tokenizer.json.gz"
    compressed.write_bytes(gzip.compress(trained.to_bytes()))
    for other in (
        Tokenizer.load(path),
        Tokenizer.load(f"file://{path}"),
        Tokenizer.load(str(compressed)),
        Tokenizer.from_bytes(trained.to_bytes()),
        pickle.loads(pickle.dumps(trained)),
    ):
        assert other == trained
        assert hash(other) == hash(trained)
        assert other.to_bytes() == trained.to_bytes()
        assert other.pattern == trained.pattern
        assert other.special_tokens == trained.special_tokens
        assert other.encode_batch(NASTY) == trained.encode_batch(NASTY)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["model", "type"], "Unigram"),
        (["model", "type"], "WordPiece"),
        (["model", "byte_fallback"], True),
        (["model", "dropout"], 0.1),
        (["model", "end_of_word_suffix"], "</w>"),
        (["model", "continuing_subword_prefix"], "##"),
        (["normalizer"], {"type": "Lowercase"}),
        (["pre_tokenizer"], None),
        (["pre_tokenizer"], {"type": "Metaspace"}),
        (["pre_tokenizer", "add_prefix_space"], True),
        (["added_tokens", 0, "lstrip"], True),
        (["model", "vocab", "\u0120"], None),
        (["model", "vocab", "!"], 7),
        (["model", "vocab", "!"], -1),
        (["model", "vocab", "!"], 2**32 - 1),
        (["model", "merges", 0], ["absent", "x"]),
        (["model", "merges", 0], "nospace"),
        (["model", "merges"], None),
        (["model"], None),
    ],
)
def test_what_is_not_byte_level_bpe_is_refused(path: list[str | int], value: object) -> None:
    root = json.loads(Tokenizer.train(CORPUS, 300).to_bytes())
    at = root
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(CurateError) as caught:
        Tokenizer.from_bytes(json.dumps(root).encode())
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_not_a_tokenizer_is_refused(data: bytes) -> None:
    with pytest.raises(CurateError, match="not a usable tokenizer"):
        Tokenizer.from_bytes(data)


@pytest.mark.parametrize(
    "arguments",
    [
        {"vocab_size": 256},
        {"vocab_size": 300, "special_tokens": ["a"]},
        {"vocab_size": 300, "special_tokens": ["<s>", "<s>"]},
        {"vocab_size": 300, "pattern": "gpt-3"},
        {"vocab_size": 300, "pattern": "("},
    ],
)
def test_impossible_training_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(CurateError):
        Tokenizer.train(["text"], **arguments)  # type: ignore[arg-type]


def test_one_text_where_several_are_expected_is_an_error(trained: Tokenizer) -> None:
    for call in (trained.encode_batch, trained.count_batch, lambda text: Tokenizer.train(text, 300)):
        with pytest.raises(TypeError):
            call("text")
    with pytest.raises(TypeError):
        trained.encode(["text"])  # type: ignore[arg-type]
