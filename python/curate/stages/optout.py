"""What publishers do not want to be trained on: `OptOut`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.assets import local_file, sha256_file
from curate.errors import PlanError
from curate.schema import HTTP_HEADERS, ID, PAYLOAD, URL
from curate.stage import Outcome, Stage

ROBOTS_NOAI = "robots_noai"
TDM_RESERVATION = "tdm_reservation"
OPTED_OUT = "opted_out"


@dataclass(frozen=True)
class OptOut(Stage):
    """Refuses pages that declare, or whose publishers have told you, that they must not be trained on.

    It reads the page itself and its HTTP headers, so it stands before `ExtractText`. What a whole site says
    (robots.txt, tdmrep.json) is not in the page: bring it as a list of URLs, or as domains to `UrlFilter`.

    Attributes:
        robots: honour `noai` in `X-Robots-Tag` and in `<meta name="robots">`.
        tdm: honour a text-and-data-mining reservation (TDMRep) in header or meta.
        urls: path or URL of a list of URLs that opted out, one per line, compared in their normal form; `#` begins a
            comment.
        ids: path or URL of a list of document ids that opted out, one per line.

    Raises:
        PlanError: a file is missing, or nothing is honoured.
    """

    robots: bool = True
    tdm: bool = True
    urls: str | None = None
    ids: str | None = None

    def __post_init__(self) -> None:
        """Checks the parameters."""
        for path in (self.urls, self.ids):
            if path is not None:
                try:
                    local_file(path)
                except FileNotFoundError:
                    raise PlanError(
                        f"the opt-out list `{path}` is missing", hint="one URL or id per line"
                    ) from None
        if not (self.robots or self.tdm or self.urls or self.ids):
            raise PlanError("`OptOut` honours nothing", hint="leave the stage out instead")

    @property
    def reads(self) -> frozenset[str]:
        """The page and its headers where declarations count, and what the lists name."""
        page = {PAYLOAD, HTTP_HEADERS} if self.robots or self.tdm else set()
        return frozenset(page | ({URL} if self.urls else set()) | ({ID} if self.ids else set()))

    @property
    def reasons(self) -> Mapping[str, str]:
        """Who said so."""
        return {
            ROBOTS_NOAI: "the page asks robots not to use it for AI (`noai`)",
            TDM_RESERVATION: "the page reserves the rights of text and data mining (TDMRep)",
            OPTED_OUT: "the URL or id is on an opt-out list",
        }

    def identity(self) -> dict[str, Any]:
        """Also the digests of the lists."""
        digests = {
            name: sha256_file(local_file(path))
            for name, path in (("urls", self.urls), ("ids", self.ids))
            if path is not None
        }
        return {**super().identity(), **digests}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """The first of the declarations and lists that speaks against the page."""
        reason = pa.nulls(batch.num_rows, pa.string())
        if self.urls is not None:
            path, normal = local_file(self.urls), pa.array(_native.normalize_urls(batch[URL]))
            listed = pc.is_in(
                pc.coalesce(normal, batch[URL]),
                _listed(path, sha256_file(path), True),
                skip_nulls=True,
            )
            reason = pc.if_else(listed, OPTED_OUT, reason)
        if self.ids is not None:
            path = local_file(self.ids)
            listed = pc.is_in(batch[ID], _listed(path, sha256_file(path), False), skip_nulls=True)
            reason = pc.if_else(listed, OPTED_OUT, reason)
        if self.robots or self.tdm:
            declared = pa.array(_native.page_declarations(batch[PAYLOAD], batch[HTTP_HEADERS]))
            if self.tdm:
                reason = pc.if_else(declared.field("tdm_reservation"), TDM_RESERVATION, reason)
            if self.robots:
                reason = pc.if_else(declared.field("noai"), ROBOTS_NOAI, reason)
        return Outcome(batch, reason)


@lru_cache(maxsize=8)
def _listed(path: Path, sha256: str, are_urls: bool) -> pa.Array:
    del sha256  # tells versions of the file apart
    lines = [line.strip() for line in path.read_text("utf-8", "replace").splitlines()]
    entries = pa.array([line for line in lines if line and not line.startswith("#")], pa.string())
    return pc.coalesce(pa.array(_native.normalize_urls(entries)), entries) if are_urls else entries
