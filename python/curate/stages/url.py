"""Decisions by the URL alone: `UrlFilter`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.assets import sha256_file
from curate.errors import PlanError
from curate.schema import URL
from curate.stage import Outcome, Stage

NO_URL = "no_url"

# A small selection of our own, for runs without lists; words that also have innocent uses are soft.
BANNED_WORDS = (
    "bdsm",
    "bukkake",
    "camgirl",
    "camgirls",
    "camsex",
    "cumshot",
    "cumshots",
    "deepthroat",
    "femdom",
    "gangbang",
    "gangbangs",
    "hentai",
    "milf",
    "milfs",
    "nsfw",
    "porn",
    "porno",
    "pornos",
    "pornstar",
    "pornstars",
    "sexcam",
    "sexcams",
    "sexshop",
    "upskirt",
    "webcamsex",
    "xxx",
    "xvideos",
    "xhamster",
    "redtube",
    "youporn",
    "onlinecasino",
    "casinobonus",
    "viagra",
    "cialis",
    "levitra",
)
SOFT_WORDS = (
    "adult",
    "amateur",
    "anal",
    "babe",
    "babes",
    "bet",
    "bets",
    "betting",
    "bonus",
    "casino",
    "cams",
    "cheap",
    "dating",
    "erotic",
    "escort",
    "escorts",
    "fetish",
    "free",
    "gambling",
    "girls",
    "hardcore",
    "hot",
    "jackpot",
    "lesbian",
    "naked",
    "nude",
    "pills",
    "poker",
    "replica",
    "sex",
    "sexy",
    "slot",
    "slots",
    "teen",
    "teens",
    "video",
    "videos",
    "webcam",
)
BANNED_SUBSTRINGS = (
    "allsexvideo",
    "bestporn",
    "camsoda",
    "casinobonus",
    "chaturbate",
    "freeporn",
    "freesexcam",
    "hardcoreporn",
    "livesexcam",
    "nakedteens",
    "nudegirls",
    "onlinecasino",
    "pornhub",
    "pornmovie",
    "porntube",
    "pornvideo",
    "sexcamlive",
    "sexvideos",
    "slotonline",
    "viagraonline",
    "watchporn",
    "xxxmovie",
    "xxxvideo",
    "xvideos",
    "xhamster",
    "youporn",
)

# Names within a folder of lists, as datatrove's and UT1's files are called.
_LIST_FILES = {
    "domains": "domains",
    "urls": "urls",
    "banned_words": "banned_words.txt",
    "soft_words": "soft_banned_words.txt",
    "substrings": "banned_subwords.txt",
}


@dataclass(frozen=True)
class UrlFilter(Stage):
    """Refuses documents by URL: listed domains and URLs, and words that promise nothing good.

    The rules are those of RefinedWeb and FineWeb (datatrove's `URLFilter`), except that case never matters in
    hosts and words, that addresses can be listed as hosts, and that a listed URL may lack its scheme, as
    UT1's do.

    Attributes:
        domains: registered domains (with everything below them) or full hosts.
        urls: whole URLs.
        banned_words: words of letters and digits; one of them between other characters is enough.
        soft_words: words that are suspicious together.
        max_soft_words: this many different soft words are allowed (FineWeb refuses from two on).
        substrings: refused anywhere in the letters and digits of the URL, read without a gap.
        lists: folder whose files `domains`, `urls`, `banned_words.txt`, `soft_banned_words.txt` and
            `banned_subwords.txt`, there or one level below, add to the lists; see `curate.blocklists`.
        require_url: documents without a URL are refused too.

    Raises:
        PlanError: a negative limit, or a folder of lists that holds none.
    """

    domains: Sequence[str] = ()
    urls: Sequence[str] = ()
    banned_words: Sequence[str] = BANNED_WORDS
    soft_words: Sequence[str] = SOFT_WORDS
    max_soft_words: int = 1
    substrings: Sequence[str] = BANNED_SUBSTRINGS
    lists: str | None = None
    require_url: bool = False

    def __post_init__(self) -> None:
        """Checks the parameters and makes the lists hashable."""
        for name in _LIST_FILES:
            value = getattr(self, name)
            if isinstance(value, str):
                raise PlanError(f"`{name}` must be a list of texts", hint=f"write {name}=[{value!r}]")
            object.__setattr__(self, name, tuple(value))
        if self.max_soft_words < 0:
            raise PlanError("`max_soft_words` must not be negative", hint="0 refuses every soft word")
        if self.lists is not None and not any(_list_files(self.lists).values()):
            raise PlanError(
                f"no lists in `{self.lists}`", hint=f"files are named {', '.join(_LIST_FILES.values())}"
            )

    @property
    def reads(self) -> frozenset[str]:
        """The URL."""
        return frozenset({URL})

    @property
    def reasons(self) -> Mapping[str, str]:
        """The rules, in the order in which they are asked."""
        return {
            "blocked_domain": "the registered domain or the host is listed",
            "blocked_url": "the URL is listed",
            "banned_word": "a banned word is among the words of the URL",
            "soft_words": f"more than {self.max_soft_words} soft words are among the words of the URL",
            "banned_substring": "a banned substring is in the letters and digits of the URL",
            NO_URL: "the document has no URL",
        }

    def identity(self) -> dict[str, Any]:
        """Also the digest of every list file."""
        found = {} if self.lists is None else _list_files(self.lists)
        digests = {kind: [sha256_file(path) for path in paths] for kind, paths in found.items()}
        return {**super().identity(), "lists": digests}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Every rule that a URL breaks; the first is the reason."""
        urls = batch[URL]
        failed = pa.array(self._matcher().faults(urls))
        counts = pc.fill_null(pc.list_value_length(failed), 0)
        # The first value of each list; rows without any stay null.
        broken = pc.filter(failed, pc.greater(counts, 0))
        rows = pc.indices_nonzero(pc.greater(counts, 0))
        positions = pc.index_in(pa.array(range(len(urls)), pa.uint64()), rows)
        reason = (
            pc.list_element(broken, 0).take(positions) if len(broken) else pa.nulls(len(urls), pa.string())
        )
        if self.require_url:
            absent = pc.fill_null(pc.equal(pc.utf8_length(urls), 0), True)
            reason = pc.if_else(absent, NO_URL, reason)
            failed = pc.if_else(absent, pa.scalar([NO_URL], failed.type), failed)
        return Outcome(batch, reason, failed)

    def _matcher(self) -> _native.UrlMatcher:
        found = {} if self.lists is None else _list_files(self.lists)
        paths = tuple((kind, path, sha256_file(path)) for kind in found for path in found[kind])
        return _compiled(self, paths)


def normalize_url(url: str) -> str | None:
    """One spelling for URLs that name the same page; None for what is not an absolute URL.

    Scheme and host in lower case, no user, default port, fragment, tracking parameter or session id; dot
    segments resolved, escapes uniform, the query sorted by name.
    """
    normal: str | None = pa.array(_native.normalize_urls(pa.array([url], pa.string())))[0].as_py()
    return normal


def registered_domain(url: str) -> str | None:
    """The domain that somebody registered: one label below a public suffix; None for addresses."""
    domain: str | None = pa.array(_native.registered_domains(pa.array([url], pa.string())))[0].as_py()
    return domain


def _list_files(folder: str) -> dict[str, list[Path]]:
    root = Path(folder).expanduser()
    return {
        kind: sorted(path for path in [root / name, *root.glob(f"*/{name}")] if path.is_file())
        for kind, name in _LIST_FILES.items()
    }


@lru_cache(maxsize=4)
def _compiled(stage: UrlFilter, paths: tuple[tuple[str, Path, str], ...]) -> _native.UrlMatcher:
    """Compiled once per process and version of the files: a published list has millions of entries."""
    files = {kind: ["\n".join(getattr(stage, kind)).encode("utf-8", "replace")] for kind in _LIST_FILES}
    for kind, path, _ in paths:
        files[kind].append(path.read_bytes())
    return _native.UrlMatcher(**files, max_soft_words=stage.max_soft_words)
