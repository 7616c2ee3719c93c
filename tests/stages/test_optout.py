from pathlib import Path

import pyarrow as pa
import pytest

from curate.errors import PlanError
from curate.stages.optout import OptOut

FINE = b"<html><head><meta name=robots content=noindex></head><body>text</body></html>"


def batch(
    payload: bytes | None = FINE, headers: str | None = None, url: str | None = "http://a.com/"
) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "id": pa.array(["id-1"]),
            "url": pa.array([url], pa.string()),
            "payload": pa.array([payload], pa.large_binary()),
            "http_headers": pa.array([headers], pa.large_string()),
        }
    )


def reason(stage: OptOut, given: pa.RecordBatch) -> str | None:
    outcome = stage(given)
    assert outcome.batch is given
    (said,) = outcome.reason.to_pylist()
    assert said is None or said in stage.reasons
    return said


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (batch(), None),
        (batch(None), None),
        (batch(headers="X-Robots-Tag: noai"), "robots_noai"),
        (batch(headers="X-Robots-Tag: noindex"), None),
        (batch(b'<html><head><meta name="ROBOTS" content="index, NoAI"></head>'), "robots_noai"),
        (batch(headers="TDM-Reservation: 1"), "tdm_reservation"),
        (batch(headers="tdm-reservation: 0"), None),
        (batch(b'<meta name="tdm-reservation" content="1">'), "tdm_reservation"),
        (batch(headers="X-Robots-Tag: noai\r\ntdm-reservation: 1"), "robots_noai"),
    ],
)
def test_declarations(given: pa.RecordBatch, expected: str | None) -> None:
    assert reason(OptOut(), given) == expected


def test_what_is_not_honoured() -> None:
    both = batch(headers="X-Robots-Tag: noai\r\ntdm-reservation: 1")
    assert reason(OptOut(robots=False), both) == "tdm_reservation"
    assert reason(OptOut(tdm=False), both) == "robots_noai"
    assert reason(OptOut(tdm=False), batch(headers="tdm-reservation: 1")) is None


def test_lists(tmp_path: Path) -> None:
    urls, ids = tmp_path / "urls", tmp_path / "ids"
    urls.write_text("# taken down\nHTTP://A.com:80/page?utm_source=x\n\n")
    ids.write_text("id-1\n")
    by_url = OptOut(robots=False, tdm=False, urls=str(urls))
    assert by_url.reads == {"url"}
    assert reason(by_url, batch(url="http://a.com/page#top")) == "opted_out"
    assert reason(by_url, batch(url="http://a.com/page2")) is None
    assert reason(by_url, batch(url=None)) is None
    by_id = OptOut(robots=False, tdm=False, ids=str(ids))
    assert reason(by_id, batch()) == "opted_out"
    ids.write_text("id-2\n")
    assert reason(by_id, batch()) is None
    before = by_url.identity()
    urls.write_text("http://b.com/\n")
    assert by_url.identity() != before
    assert reason(by_url, batch(url="http://b.com/")) == "opted_out"
    assert reason(by_url, batch(url="http://a.com/page")) is None


def test_bad_parameters() -> None:
    for bad in ({"urls": "/no/such/file"}, {"robots": False, "tdm": False}):
        with pytest.raises(PlanError) as raised:
            OptOut(**bad)
        assert raised.value.hint
