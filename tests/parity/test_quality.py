"""Keep or drop per filter: as a slow reference in Python says, and as datatrove 0.10.1 says of real pages."""

import io
import json
import os
import re
import string
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import _native, sample
from curate.sample.planted_quality import bad_articles
from curate.stage import Stage
from curate.stages.quality import C4Lines, Rules, TextStats, text_stats
from curate.stages.rule_tables import C4, FINEWEB, GOPHER_QUALITY, GOPHER_REPETITION, RuleTable

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
MAX_PAGES = int(os.environ.get("CURATE_PARITY_PAGES", "120"))  # docs/parity.md is made with 10000
REPOSITORY = Path(__file__).resolve().parents[2]


def reasons(texts: list[str], table: RuleTable) -> list[str | None]:
    batch = pa.record_batch({"signals": text_stats(texts)})
    return Rules(table)(batch).reason.to_pylist()


def decide(texts: list[str]) -> dict[str, list[str | None]]:
    """Our decisions per filter; `fineweb_after_c4` is null where C4 drops, as the run script has it."""
    out = {
        "gopher_repetition": reasons(texts, GOPHER_REPETITION),
        "gopher_quality": reasons(texts, GOPHER_QUALITY),
        "fineweb": reasons(texts, FINEWEB),
    }
    lines = C4Lines()(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    left = lines.batch["text"].to_pylist()
    document = reasons(left, C4)
    out["c4"] = [a or b for a, b in zip(lines.reason.to_pylist(), document, strict=True)]
    after = reasons(left, FINEWEB)
    out["fineweb_after_c4"] = [None if c4 else f for c4, f in zip(out["c4"], after, strict=True)]
    out["c4_text"] = [None if c4 else text for c4, text in zip(out["c4"], left, strict=True)]
    return out


# --- the slow reference: what the filters ask, from words that a splitter has found


def duplicates(pieces: list[str]) -> tuple[int, int]:
    again = [piece for i, piece in enumerate(pieces) if piece in pieces[:i]]
    return len(again), sum(map(len, again))


def repetition(text: str, words: list[str]) -> dict[str, float]:
    size = max(len(text), 1)
    paragraphs, lines = re.split(r"\n{2,}", text.strip()), re.split(r"\n+", text)
    signals = {
        "duplicate_paragraph_ratio": duplicates(paragraphs)[0] / len(paragraphs),
        "duplicate_paragraph_char_ratio": duplicates(paragraphs)[1] / size,
        "duplicate_line_ratio": duplicates(lines)[0] / len(lines),
        "duplicate_line_char_ratio": duplicates(lines)[1] / size,
    }
    for n in (2, 3, 4):
        grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
        gram, count = grams.most_common(1)[0] if grams else ("", 0)
        signals[f"top_{n}gram_char_ratio"] = len(gram) * count / size
    for n in range(5, 11):
        seen: set[str] = set()
        at = chars = 0
        while at + n <= len(words):
            gram = "".join(words[at : at + n])
            chars += len(gram) if gram in seen else 0
            at += n if gram in seen else 1
            seen.add(gram)
        signals[f"duplicate_{n}gram_char_ratio"] = chars / size
    return signals


def quality(text: str, words: list[str]) -> dict[str, float]:
    """For ASCII texts, whose punctuation is `string.punctuation`."""
    plain = [word for word in words if set(word) - set(string.punctuation)]
    n, lines = max(len(words), 1), text.splitlines()
    return {
        "n_words": len(plain),
        "mean_word_chars": sum(map(len, plain)) / max(len(plain), 1),
        "hash_per_word": text.count("#") / n,
        "ellipsis_per_word": text.count("...") / n,
        "bullet_line_ratio": sum(line.lstrip().startswith("-") for line in lines) / max(len(lines), 1),
        "ellipsis_line_ratio": sum(line.rstrip().endswith("...") for line in lines) / max(len(lines), 1),
        "alphabetic_word_ratio": sum(any(c.isalpha() for c in word) for word in words) / n,
        "stop_words": len(STOP_WORDS & set(words)),
    }


def fineweb(text: str, words: list[str]) -> dict[str, float]:
    lines = [line for line in text.split("\n") if line.strip()]
    n = max(len(lines), 1)
    return {
        "n_lines": len(lines),
        "terminal_punctuation_line_ratio": sum(line.endswith((".", "!", "?")) for line in lines) / n,
        "short_line_ratio": sum(len(line) <= 30 for line in lines) / n,
        "repeated_line_char_ratio": duplicates(lines)[1] / max(len(text.replace("\n", "")), 1),
        "newline_per_word": text.count("\n") / len(words) if words else 0,
    }


def c4_text(text: str) -> str:
    kept = []
    for raw in text.splitlines():
        words = raw.split()
        line = re.sub(r"\[\d*]|\[edit]|\[citation needed]", "", raw.strip())
        lower = line.lower()
        if any(len(word) > 1000 for word in words) or len(words) < 3:
            continue
        condemned = "lorem ipsum" in lower
        if not condemned and "javascript" in lower:
            continue
        if not condemned and "{" not in line and any(policy in lower for policy in POLICIES):
            continue
        kept.append(line)
    return "\n".join(kept).strip()


PIECES = st.sampled_from(
    [
        "the",
        "of",
        "cat",
        "a",
        "#",
        "...",
        "-",
        "Stop.",
        "it's",
        ".",
        "!",
        "{",
        "12",
        "[1]",
        "[edit]",
        "javascript",
        "e.g.",
        "well-known",
        "- item",
        "Lorem Ipsum",
        "use cookies",
        "\n",
        "\n\n",
        "\n\n\n",
        "\r\n",
        "\x0b",
        "  ",
        "x" * 31,
        "y" * 1001,
    ]
)
TEXTS = st.lists(PIECES, max_size=60).map(" ".join) | st.lists(PIECES, max_size=30).map("".join)


@given(TEXTS)
def test_signals_equal_the_slow_reference(text: str) -> None:
    words = _native.split_words(pa.array([text], pa.large_string()))
    words = pa.array(words).to_pylist()[0]
    measured = text_stats([text]).to_pylist()[0]
    expected = {**repetition(text, words), **quality(text, words), **fineweb(text, words)}
    assert {name: measured[name] for name in expected} == expected


@given(TEXTS)
def test_c4_lines_equal_the_slow_reference(text: str) -> None:
    edited = pa.array(_native.c4_lines(pa.array([text], pa.large_string())))
    assert edited.field("text").to_pylist() == [c4_text(text)]


def real_texts(data_dir: Path) -> list[str]:
    """Main text of some pages of each part, with a quick extractor."""
    pytest.importorskip("resiliparse")
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding
    from warcio.archiveiterator import ArchiveIterator

    texts = []
    for path in sorted((data_dir / "wcxb-dev").glob("part-*.warc.gz")):
        with path.open("rb") as file:
            pages = (record for record in ArchiveIterator(file) if record.rec_type == "response")
            for _, record in zip(range(MAX_PAGES // 4), pages, strict=False):
                body = record.content_stream().read()
                texts.append(extract_plain_text(bytes_to_str(body, detect_encoding(body)), main_content=True))
    return texts


def corpus_texts(data_dir: Path, name: str) -> list[str]:
    """Texts of a corpus, evenly chosen; cut, because spaCy takes minutes for whole novels."""
    zstandard = pytest.importorskip("zstandard")
    longest = 300_000 if MAX_PAGES > 1000 else 20_000
    with zstandard.open(data_dir / "text" / f"{name}.jsonl.zst", "rb") as raw:
        texts = [json.loads(line)["text"][:longest] for line in io.TextIOWrapper(raw, "utf-8")]
    return texts[:: max(1, len(texts) // MAX_PAGES)]


def ask_datatrove(rows: list[dict[str, Any]], script: str = "run_datatrove.py") -> list[dict[str, Any]]:
    python = Path(os.environ.get("CURATE_DATATROVE_PYTHON", REPOSITORY / ".venvs/datatrove/bin/python"))
    if not python.is_file():
        pytest.skip(f"no interpreter with datatrove at {python}; set CURATE_DATATROVE_PYTHON")
    lines = "".join(json.dumps({"id": str(i), **row}) + "\n" for i, row in enumerate(rows))
    command = [python, Path(__file__).with_name(script)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def sample_texts() -> list[str]:
    """Prose of the sample crawl, and its texts that break one rule each."""
    bad = [article.text for _, _, article in bad_articles()]
    return [*bad, *sample.sample_texts("en")[::4], *sample.sample_texts("de")[::10]]


def texts_of(corpus: str, request: pytest.FixtureRequest) -> list[str]:
    if corpus == "sample":
        return sample_texts()
    data_dir = request.getfixturevalue("data_dir")
    return real_texts(data_dir) if corpus == "real pages" else corpus_texts(data_dir, corpus)


@pytest.mark.parametrize("corpus", ["sample", "real pages", "en-cppdocs", "en-novels", "ja-aozora"])
def test_signals_without_words_are_the_very_numbers_of_datatrove(
    corpus: str, request: pytest.FixtureRequest
) -> None:
    texts = [text for text in texts_of(corpus, request) if text.strip()]
    signals = text_stats(texts).to_pylist()
    rows = [{"text": text, "signals": own} for text, own in zip(texts, signals, strict=True)]
    told = ask_datatrove(rows, "run_datatrove_limits.py")
    assert len(told) == len(texts)
    assert [row for row in told if row["wrong"]] == []


@pytest.mark.parametrize("corpus", ["sample", "real pages", "en-cppdocs", "en-novels"])
def test_decisions_agree_with_datatrove(corpus: str, request: pytest.FixtureRequest) -> None:
    texts = texts_of(corpus, request)
    theirs, ours = ask_datatrove([{"text": text} for text in texts]), decide(texts)
    assert len(theirs) == len(texts)
    for name in ("gopher_repetition", "gopher_quality", "c4", "fineweb", "fineweb_after_c4"):
        pairs = [(row[name], mine) for row, mine in zip(theirs, ours[name], strict=True)]
        causes = Counter(
            f"datatrove {a or 'keeps'}, curate {b or 'keeps'}" for a, b in pairs if (a is None) != (b is None)
        )
        agreement = 1 - causes.total() / len(pairs)
        print(f"{name}: {agreement:.2%} of {len(pairs)}; {dict(causes)}")
        assert agreement >= 0.995, (name, causes)
    both = [
        (row["c4_text"], mine)
        for row, mine in zip(theirs, ours["c4_text"], strict=True)
        if row["c4_text"] and mine
    ]
    assert sum(a == b for a, b in both) >= 0.995 * len(both)


def test_a_stage_list_decides_as_the_filters_do() -> None:
    text = "\n".join(
        f"Sentence number {word} of the story is here and ends with a stop." for word in "abcdefghijkl"
    )
    stages: list[Stage] = [
        TextStats(),
        Rules(GOPHER_QUALITY),
        C4Lines(),
        TextStats("again"),
        Rules(C4),
        Rules(FINEWEB),
    ]
    batch = pa.record_batch({"text": pa.array([text, "too short"], pa.large_string())})
    for stage in stages:
        outcome = stage(batch)
        batch = (
            outcome.batch.filter(pa.compute.is_null(outcome.reason))
            if outcome.reason is not None
            else outcome.batch
        )
    assert batch["text"].to_pylist() == [text]
