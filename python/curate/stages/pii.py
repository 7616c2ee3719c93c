"""Personal data and secrets: finding them, and replacing them in the text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from curate import _native
from curate.errors import PlanError
from curate.schema import PII, SIGNALS, TEXT, as_large_strings
from curate.stage import Outcome, Stage, set_column

#: Every kind with one line on what counts and how it is checked.
KINDS: Mapping[str, str] = MappingProxyType({name: about for name, _, about in _native.pii_kinds()})

#: The kinds that are looked for unless told otherwise.
DEFAULT_KINDS: tuple[str, ...] = tuple(name for name, is_default, _ in _native.pii_kinds() if is_default)

#: What can stand in the place of a span.
POLICIES: Mapping[str, str] = MappingProxyType(
    {
        "fineweb": "FineWeb's example addresses for e-mail and IPv4, by ordinal in the document; else tags",
        "tag": "<EMAIL>",
        "mask": "a star for every character",
        "number": "<EMAIL_1>, the same number for the same value within a document",
        "pseudonym": "<EMAIL_...> with 64 bits of HMAC-SHA256 of the value under a secret key, in letters",
        "drop_span": "nothing",
    }
)

Texts: TypeAlias = pa.Array | pa.ChunkedArray | Iterable[str | None]


def find_pii(texts: Texts, kinds: Iterable[str] = DEFAULT_KINDS) -> pa.ListArray:
    """Where personal data and secrets stand in each text.

    Overlapping findings are resolved: the longest wins, then the earliest, then the order of `KINDS`.

    Args:
        texts: any Arrow string array or an iterable of `str`.
        kinds: names in `KINDS`.

    Returns:
        `list<struct<kind: string, start: int64, end: int64>>`, byte offsets into the UTF-8 text, on character
        boundaries, in order; null where the text is null.

    Raises:
        PlanError: a name is not in `KINDS`.

    """
    return pa.array(_native.find_pii(as_large_strings(texts), _checked(kinds)))


def scrub_pii(
    texts: Texts, kinds: Iterable[str] = DEFAULT_KINDS, policy: str = "tag", key: bytes | None = None
) -> pa.LargeStringArray:
    """The texts without their personal data and secrets; looking again finds nothing.

    Args:
        texts: any Arrow string array or an iterable of `str`.
        kinds: names in `KINDS`.
        policy: a name in `POLICIES`.
        key: secret of the policy `pseudonym`.

    Returns:
        `large_string`, null where the text is null.

    Raises:
        PlanError: an unknown kind or policy, or a key missing or out of place.

    """
    _check_policy(policy, key)
    scrubbed = pa.array(_native.scrub_pii(as_large_strings(texts), _checked(kinds), policy, key))
    return scrubbed.field("text")


@dataclass(frozen=True)
class ScrubPII(Stage):
    """Replaces personal data and secrets in `text` and counts them by kind in `pii`.

    A replacement depends on the document alone. The scrubbed text holds nothing that would be found again, so
    scrubbing twice is scrubbing once.

    Attributes:
        kinds: names in `KINDS`.
        policy: a name in `POLICIES`.
        max_per_document: documents with more findings are dropped; Dolma drops above 5 (Soldaini et al. 2024,
            arXiv:2402.00159). None keeps all.
        key: secret of the policy `pseudonym`; the fingerprint covers its digest alone.

    """

    kinds: tuple[str, ...] = DEFAULT_KINDS
    policy: str = "tag"
    max_per_document: int | None = None
    key: bytes | None = field(default=None, repr=False)  # `jsonable` stores a digest of bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", tuple(_checked(self.kinds)))
        _check_policy(self.policy, self.key)
        if self.max_per_document is not None and self.max_per_document < 0:
            raise PlanError(
                f"max_per_document={self.max_per_document} is negative", hint="use None for no limit"
            )

    @property
    def name(self) -> str:
        """The name in files and reports."""
        return "scrub_pii"

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def adds(self) -> pa.Schema:
        """The edited text and the counts per kind."""
        counts = pa.struct([pa.field(kind, pa.int32()) for kind in self.kinds])
        return pa.schema([pa.field(TEXT, pa.large_string()), pa.field(PII, counts)])

    @property
    def invalidates(self) -> frozenset[str]:
        """Signals were computed from the text before the edit."""
        return frozenset({SIGNALS})

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why a document can go."""
        if self.max_per_document is None:
            return {}
        return {"too_many_pii": f"more than {self.max_per_document} pieces of personal data or secrets"}

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Scrubs every text and decides."""
        scrubbed = pa.array(
            _native.scrub_pii(as_large_strings(batch[TEXT]), list(self.kinds), self.policy, self.key)
        )
        counts = scrubbed.field("counts")
        batch = set_column(set_column(batch, TEXT, scrubbed.field(TEXT)), PII, counts)
        if self.max_per_document is None:
            return Outcome(batch)
        total = pa.array([0] * batch.num_rows, pa.int64())
        for column in counts.flatten():
            total = pc.add(total, column)
        too_many = pc.greater(total, self.max_per_document)
        reason = pc.if_else(too_many, pa.scalar("too_many_pii"), pa.scalar(None, pa.string()))
        return Outcome(batch, reason)


def _checked(kinds: Iterable[str]) -> list[str]:
    if isinstance(kinds, str):
        raise PlanError(f"kinds={kinds!r} is one string", hint=f"pass a tuple: kinds=({kinds!r},)")
    wanted = set(kinds)
    unknown = wanted - set(KINDS)
    if unknown:
        raise PlanError(f"no kind of PII is named `{min(unknown)}`", hint=f"kinds: {', '.join(KINDS)}")
    return [kind for kind in KINDS if kind in wanted]


def _check_policy(policy: str, key: bytes | None) -> None:
    if policy not in POLICIES:
        raise PlanError(f"no policy is named `{policy}`", hint=f"policies: {', '.join(POLICIES)}")
    if (policy == "pseudonym") != (key is not None):
        raise PlanError(
            "the policy `pseudonym`, and it alone, takes a key",
            hint="pass key=b'...' with policy='pseudonym'",
        )
