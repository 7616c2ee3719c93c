"""The sample crawl: the same bytes each time, and every fact of its manifest holds."""

import hashlib
import itertools
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from curate import sample
from curate.sample import archive, identifiers
from curate.sample.planted import plain_articles
from curate.sample.planted_quality import bad_articles
from curate.stages.quality import text_stats

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
# What looks like personal data in plain prose: an at sign, a run of digits beyond a year, a long token.
PII_LIKE = re.compile(r"@|\d{5}|\d\.\d+\.\d|::|\b\w{30,}\b|://")
EXPECTED_KINDS = {
    "prose", "exact_duplicate", "near_duplicate", "similar_control", "duplicate_original", "pii", "eval_passage",
    "eval_control", "short", "spam", "duplicate_lines", "hashtags", "ellipses", "bullets", "no_punctuation",
    "short_lines", "lorem_ipsum", "curly_bracket", "few_sentences", "numbers", "long_words", "adult_url",
    "blocked_domain", "opt_out", "opt_in_control", "warcinfo", "request", "metadata", "revisit", "mime",
    "status", "empty_body", "bomb", "charset", "coding", "truncated", "repeated_id", "repeated_id_original",
    "beside_damage", "broken_gzip", "lying_length", "cut_file",
}  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> sample.Planted:
    return sample.write_sample(tmp_path_factory.mktemp("sample"))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def grams(text: str, size: int) -> set[tuple[str, ...]]:
    tokens = words(text)
    return {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_two_generations_are_the_same_bytes(planted: sample.Planted, tmp_path: Path) -> None:
    again = sample.write_sample(tmp_path)
    assert digests(planted.folder) == digests(tmp_path)
    assert again.records == planted.records


def test_every_planned_kind_is_there(planted: sample.Planted) -> None:
    assert {record.kind for record in planted.records} == EXPECTED_KINDS


def test_there_are_enough_pages_in_enough_languages(planted: sample.Planted) -> None:
    languages = Counter(record.language for record in planted.of_kind("prose"))
    assert len(languages) >= 4
    assert languages.total() >= 400
    assert languages["en"] > languages.total() / 2


def test_manifest_names_every_record_and_its_file(planted: sample.Planted) -> None:
    manifest = json.loads((planted.folder / "planted.json").read_text(encoding="utf-8"))
    assert manifest["records"] == [record.to_json() for record in planted.records]
    assert all((record.stage is None) == (record.reason is None) for record in planted.records)
    repeated = [name for name, n in Counter(record.id for record in planted.records).items() if n > 1]
    assert sorted(repeated) == sorted(record.id for record in planted.of_kind("repeated_id"))


@pytest.mark.parametrize("name", [name for name in sample.WHOLE_FILES if not name.endswith(".zst")])
def test_warcio_reads_the_whole_files(planted: sample.Planted, name: str) -> None:
    from warcio.archiveiterator import ArchiveIterator

    with (planted.folder / name).open("rb") as stream:
        read = [
            record.rec_headers.get_header("WARC-Record-ID").strip("<>") for record in ArchiveIterator(stream)
        ]
    assert read == [record.id for record in planted.records if record.file == name]


def test_zstd_file_holds_the_records(planted: sample.Planted) -> None:
    zstandard = pytest.importorskip("zstandard")
    name = next(name for name in planted.files if name.endswith(".zst"))
    with (planted.folder / name).open("rb") as stream:
        plain = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True).read()
    assert plain == b"".join(record.warc for record in planted.records if record.file == name)


def test_broken_members_are_broken_and_the_others_are_whole(planted: sample.Planted) -> None:
    import zlib

    raw = (planted.folder / sample.DAMAGED_FILE).read_bytes()
    head = archive.gzip_member(b"")[:10]
    starts = [match.start() for match in re.finditer(re.escape(head), raw)]
    records = [record for record in planted.records if record.file == sample.DAMAGED_FILE]
    assert len(starts) == len(records)
    for start, end, record in zip(starts, [*starts[1:], len(raw)], records, strict=True):
        inflate = zlib.decompressobj(31)
        if record.damage == "flip":
            with pytest.raises(zlib.error):
                inflate.decompress(raw[start:end])
        elif record.damage == "cut":
            inflate.decompress(raw[start:end])
            assert not inflate.eof
        else:
            assert inflate.decompress(raw[start:end]) == record.warc


def test_duplicates_have_the_similarity_the_manifest_states(planted: sample.Planted) -> None:
    originals = {r.details["cluster"]: r for r in planted.of_kind("duplicate_original")}
    limits = {"exact_duplicate": (1.0, 1.0), "near_duplicate": (0.78, 0.99), "similar_control": (0.5, 0.66)}
    for kind, (low, high) in limits.items():
        assert len(planted.of_kind(kind)) >= 5
        for record in planted.of_kind(kind):
            one, other = grams(record.text, 5), grams(originals[record.details["cluster"]].text, 5)
            measured = len(one & other) / len(one | other)
            assert measured == pytest.approx(record.details["jaccard"], abs=1e-6)
            assert low <= measured <= high


def test_unplanted_pages_are_unlike_each_other() -> None:
    for language in sample.LANGUAGES:
        sets = [grams(text, 5) for text in sample.sample_texts(language)]
        assert max(len(a & b) / len(a | b) for a, b in itertools.combinations(sets, 2)) < 0.45


def test_eval_passages_stand_in_their_pages_and_nowhere_else(planted: sample.Planted) -> None:
    questions = {item.id: grams(item.question, 13) for item in planted.evals}
    assert len(questions) >= 20
    assert all(questions.values())
    everything = set().union(*questions.values())
    for record in planted.records:
        shared = grams(record.text, 13) & everything
        if record.kind in {"eval_passage", "eval_control"}:
            assert record.details["passage"] in record.text
        if record.kind == "eval_passage":
            assert shared <= questions[record.details["eval"]]
            assert shared
        else:
            assert not shared


def test_pii_stands_in_its_pages_and_nowhere_else(planted: sample.Planted) -> None:
    kinds = set()
    for record in planted.of_kind("pii"):
        for fact in record.details["pii"]:
            assert fact["value"] in record.text
            kinds.add(fact["kind"])
    assert kinds == set(sample.pii_values())
    for record in planted.of_kind("prose"):
        assert not PII_LIKE.search(record.text)


def test_made_up_identifiers_have_valid_checksums() -> None:
    for card in sample.pii_values()["payment_card"]:
        digits = [int(char) for char in card if char.isdigit()][::-1]
        assert sum(sum(divmod(d * (1 + i % 2), 10)) for i, d in enumerate(digits)) % 10 == 0
    for iban in sample.pii_values()["iban"]:
        assert int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1
    # The example of BIP 173 pays to this key hash; the polymod of a valid address is 1.
    for address in (identifiers.bech32_address("b"), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"):
        values = [3, 3, 0, 2, 3, *("qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(c) for c in address[3:])]
        assert identifiers._bech32_polymod(values) == 1


def test_good_pages_pass_the_published_rules() -> None:
    for language in sample.LANGUAGES:
        for article in plain_articles(language):
            assert broken_rules(article.text, language) == set()


def test_bad_pages_break_only_the_rule_they_name() -> None:
    for _, reason, article in bad_articles():
        assert broken_rules(article.text, "en") == {reason}


def broken_rules(text: str, language: str) -> set[str]:
    """Slow reference of the FineWeb recipe's thresholds, in the words of the manifest."""
    tokens, lines = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text), text.split("\n")
    ends = [line.rstrip()[-1] in ".!?…" for line in lines]
    spaced = text.split()
    checks = {
        "min_words": len(tokens) < 50,
        "mean_word_length": not 3 <= sum(map(len, tokens)) / len(tokens) <= 10,
        "hash_ratio": text.count("#") / len(tokens) > 0.1,
        "ellipsis_ratio": (text.count("...") + text.count("…")) / len(tokens) > 0.1,
        "bullet_lines": sum(line.startswith(("•", "-")) for line in lines) / len(lines) > 0.9,
        "alphabetic_words": sum(any(c.isalpha() for c in w) for w in spaced) / len(spaced) < 0.8,
        "stop_words": language == "en" and len(STOP_WORDS & set(spaced)) < 2,
        "lorem_ipsum": "lorem ipsum" in text.lower(),
        "curly_bracket": "{" in text,
        "min_sentences": len(re.findall(r"[.!?](?:\s|$)", text)) < 5,
        "line_punctuation": sum(ends) / len(lines) < 0.12,
        "short_lines": sum(len(line) <= 30 for line in lines) / len(lines) > 0.67,
        "duplicate_lines": len(set(lines)) < len(lines),
        "newline_ratio": text.count("\n") / len(tokens) > 0.3,
        "repetition": _repeats(tokens, 5) > 0.15 or _top(tokens, 2) > 0.20 or _top(tokens, 3) > 0.18,
    }
    return {name for name, broken in checks.items() if broken}


def _repeats(tokens: list[str], size: int) -> float:
    counts = Counter(tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1))
    return sum(n - 1 for n in counts.values()) / max(1, counts.total())


def _top(tokens: list[str], size: int) -> float:
    counts = Counter(" ".join(tokens[i : i + size]) for i in range(len(tokens) - size + 1))
    gram, count = max(counts.items(), key=lambda item: (item[1] * len(item[0]), item[0]), default=("", 0))
    return count * len(gram) / max(1, sum(map(len, tokens))) if count > 1 else 0.0


@pytest.mark.parametrize("engine", ["trafilatura", "resiliparse"])
def test_main_text_is_found_by_the_extractors(planted: sample.Planted, engine: str) -> None:
    for record in planted.of_kind("prose")[::9]:
        html = record.warc.split(b"\r\n\r\n", 2)[2].decode()
        found = re.sub(r"\s+", " ", extracted(html, engine))
        assert all(paragraph in found for paragraph in record.text.split("\n"))
        assert len(found) - len(record.text) < 160
        assert "cookie" not in found.lower()


def extracted(html: str, engine: str) -> str:
    if engine == "trafilatura":
        from trafilatura import extract

        return extract(html, favor_precision=True, include_comments=False, deduplicate=False) or ""
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(html, main_content=True, alt_texts=False))


def test_extracted_pages_stay_clear_of_the_limit_for_alphabetic_words(planted: sample.Planted) -> None:
    # Table borders and code count as words without letters; 0.8 is the limit.
    pages = [record for record in planted.of_kind("prose") if record.details["template"] == "documentation"]
    texts = [
        extracted(record.warc.split(b"\r\n\r\n", 2)[2].decode(), "trafilatura")
        for record in pages
        if record.language == "en"
    ]
    assert len(texts) > 40
    assert all("|" in text for text in texts)
    assert min(row["alphabetic_word_ratio"] for row in text_stats(texts).to_pylist()) > 0.82


def test_a_language_without_prose_is_refused() -> None:
    with pytest.raises(ValueError, match="'xx'"):
        sample.sample_texts("xx")
