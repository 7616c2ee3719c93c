import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import PlanError
from curate.sample.planted import BLOCKED_DOMAIN, plain_records, planted_records
from curate.stages.url import (
    BANNED_SUBSTRINGS,
    BANNED_WORDS,
    SOFT_WORDS,
    UrlFilter,
    normalize_url,
    registered_domain,
)

RULES = {
    "domains": ["Bad.example", "sub.fine.com", "10.0.0.1", "blog.co.uk"],
    "urls": ["http://fine.com/bad", "fine.org/worse"],
    "banned_words": ["banned", "Mixed-Case"],
    "soft_words": ["one", "two", "three"],
    "substrings": ["needle", "not-split"],
}


def batch(*urls: str | None) -> pa.RecordBatch:
    return pa.record_batch({"url": pa.array(urls, pa.string())})


def decide(stage: UrlFilter, *urls: str | None) -> list[list[str]]:
    outcome = stage(batch(*urls))
    failed = [row or [] for row in outcome.failed.to_pylist()]
    assert outcome.reason.to_pylist() == [row[0] if row else None for row in failed]
    return failed


def reference(url: str) -> list[str]:
    """The rules of words and substrings, slowly; hosts have their own table."""
    tokens = {token.lower() for token in re.split("[^a-zA-Z0-9]+", url)}
    plain = re.sub("[^a-zA-Z0-9]+", "", url).lower()
    failed = []
    if url.strip() in RULES["urls"] or url.strip().split("://", 1)[-1] in RULES["urls"]:
        failed.append("blocked_url")
    if tokens & {"banned", "mixedcase"}:
        failed.append("banned_word")
    if len(tokens & {"one", "two", "three"}) > 1:
        failed.append("soft_words")
    if "needle" in plain or "notsplit" in plain:
        failed.append("banned_substring")
    return failed


@pytest.mark.parametrize(
    ("url", "failed"),
    [
        ("http://bad.example/", ["blocked_domain"]),
        ("http://deep.www.bad.example/", ["blocked_domain"]),  # an unknown top-level domain is a suffix
        ("http://notbad.example/", []),
        ("http://sub.fine.com/", ["blocked_domain"]),
        ("http://SUB.FINE.com:80/", ["blocked_domain"]),
        ("http://www.sub.fine.com/", []),
        ("http://a.b.blog.co.uk/", ["blocked_domain"]),
        ("http://10.0.0.1/", ["blocked_domain"]),
        ("http://10.0.0.11/", []),
        ("http://fine.com/bad", ["blocked_url"]),
        ("http://fine.com/bad?", []),
        ("https://fine.org/worse", ["blocked_url"]),
        ("http://fine.com/a-Banned-b", ["banned_word"]),
        ("http://fine.com/unbanned", []),
        ("http://fine.com/one_two", ["soft_words"]),
        ("http://fine.com/one_one", []),
        ("http://fine.com/hay-need-le", ["banned_substring"]),
        ("http://fine.com/hay-need-1e", []),
        (
            "http://sub.fine.com/banned/one/two/needle",
            [
                "blocked_domain",
                "banned_word",
                "soft_words",
                "banned_substring",
            ],
        ),
        ("", []),
        (None, []),
    ],
)
def test_each_rule_and_its_neighbour(url: str | None, failed: list[str]) -> None:
    assert decide(UrlFilter(**RULES), url) == [failed]


def test_required_urls() -> None:
    stage = UrlFilter(require_url=True)
    assert decide(stage, None, "", "http://fine.com/") == [["no_url"], ["no_url"], []]
    assert decide(UrlFilter(), None, "") == [[], []]


def test_soft_words_allowed_is_a_limit() -> None:
    assert decide(UrlFilter(**RULES, max_soft_words=0), "http://x.com/one") == [["soft_words"]]
    assert decide(UrlFilter(**RULES, max_soft_words=2), "http://x.com/one/two") == [[]]
    assert decide(UrlFilter(**RULES, max_soft_words=2), "http://x.com/one/two/three") == [["soft_words"]]


pieces = st.sampled_from(
    [
        "one",
        "Two",
        "three",
        "banned",
        "BANNED",
        "mixedcase",
        "need",
        "le",
        "not",
        "split",
        "-",
        "/",
        ".",
        "é",
        "%20",
        "x",
    ]
)


@given(
    st.lists(st.lists(pieces, max_size=12).map(lambda parts: "http://h.test/" + "".join(parts)), max_size=5)
)
def test_equals_the_slow_reference(urls: list[str]) -> None:
    assert decide(UrlFilter(**RULES), *urls) == [reference(url) for url in urls]


@given(st.lists(st.text()))
def test_any_text_is_taken(urls: list[str]) -> None:
    assert len(UrlFilter()(batch(*urls)).reason) == len(urls)


def test_batches_may_be_cut_anywhere() -> None:
    whole = batch("http://x.com/porn", None, "http://x.com/", "http://sex.com/free-video", "http://x.com/xx")
    stage = UrlFilter()
    for cut in range(6):
        parts = [stage(part).reason for part in (whole.slice(0, cut), whole.slice(cut))]
        assert pa.concat_arrays(parts) == stage(whole).reason


def test_the_built_in_lists_refuse_spam_and_spare_the_rest() -> None:
    refused = ["http://porn.example.com/", "http://x.com/free/sex/video", "https://www.freeporn-clips.com/"]
    spared = [
        "https://www.essex.ac.uk/sussex",
        "https://en.wikipedia.org/wiki/Sex_education",
        "https://example.com/bet",
        "https://www.scunthorpe.gov.uk/",
        "https://kids.example.org/video/one",
    ]
    assert all(decide(UrlFilter(), *refused))
    assert not any(decide(UrlFilter(), *spared))
    for words in (BANNED_WORDS, SOFT_WORDS, BANNED_SUBSTRINGS):
        assert all(re.fullmatch("[a-z0-9]+", word) for word in words)
        assert len(set(words)) == len(words)


def test_a_folder_of_lists(tmp_path: Path) -> None:
    (tmp_path / "adult").mkdir()
    (tmp_path / "adult" / "domains").write_bytes(b"# comment\nlisted.com\r\n\xff\xfe\n")
    (tmp_path / "adult" / "urls").write_text("fine.com/listed\n")
    (tmp_path / "banned_words.txt").write_text("listedword\n")
    (tmp_path / "soft_banned_words.txt").write_text("softa\nsoftb\n")
    (tmp_path / "banned_subwords.txt").write_text("subword\n")
    stage = UrlFilter(lists=str(tmp_path))
    assert decide(
        stage,
        "http://www.listed.com/",
        "http://fine.com/listed",
        "http://fine.com/listedword",
        "http://fine.com/softa/softb",
        "http://fine.com/a-sub-word",
        "http://fine.com/",
    ) == [["blocked_domain"], ["blocked_url"], ["banned_word"], ["soft_words"], ["banned_substring"], []]
    before = stage.identity()
    (tmp_path / "banned_words.txt").write_text("otherword\n")
    assert UrlFilter(lists=str(tmp_path)).identity() != before
    assert decide(stage, "http://fine.com/listedword", "http://fine.com/otherword") == [[], ["banned_word"]]


def test_the_sample_loses_its_blocked_pages_and_no_others() -> None:
    records = [*plain_records(), *planted_records()]
    stage = UrlFilter(domains=(BLOCKED_DOMAIN,), banned_words=(), soft_words=(), substrings=())
    refused = [
        record for record, row in zip(records, decide(stage, *[r.url for r in records]), strict=True) if row
    ]
    assert refused == [record for record in records if record.reason == "blocked_domain"]
    assert len(refused) >= 3


def test_bad_parameters(tmp_path: Path) -> None:
    for bad in ({"max_soft_words": -1}, {"lists": str(tmp_path)}, {"domains": "one.com"}):
        with pytest.raises(PlanError) as raised:
            UrlFilter(**bad)
        assert raised.value.hint
    assert hash(UrlFilter(domains=["a.com"])) == hash(UrlFilter(domains=("a.com",)))


def test_registered_domains_and_normal_forms() -> None:
    assert registered_domain("http://User@WWW.Example.co.uk:8080/x") == "example.co.uk"
    assert registered_domain("http://me.github.io/") == "github.io"
    assert registered_domain("http://deep.sub.site.example/") == "site.example"
    assert registered_domain("http://127.0.0.1/") is None
    assert (
        normalize_url("HTTP://Example.com:80/a/../b?z=1&utm_source=x&a=2#f") == "http://example.com/b?a=2&z=1"
    )
    assert normalize_url("no url") is None
