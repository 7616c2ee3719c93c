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
        "number": "<EMAIL_1>, the same number for the same value within a document, however it is written",
        "pseudonym": "<EMAIL_...> with 64 bits of HMAC-SHA256 of the value under a secret key, in letters",
        "drop_span": "nothing",
    }
)

#: The shortest key of the policy `pseudonym`, in bytes.
LEAST_KEY_BYTES = 16

#: Field of `pii`: the near misses by kind.
NEAR_MISSES = "near_misses"

#: The column that `keep_spans` adds; byte offsets into the scrubbed text.
PII_SPANS = "pii_spans"
_OFFSETS = [pa.field(name, pa.int64()) for name in ("start", "end", "removed_bytes")]
_SPANS = pa.list_(pa.field("item", pa.struct([pa.field("kind", pa.string()), *_OFFSETS])))

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
    return _find(texts, kinds).field("spans")


@dataclass(frozen=True)
class PIIAudit:
    """What a second look at texts found; of scrubbed ones it must be nothing.

    Attributes:
        documents: texts looked at.
        found: findings by kind, without the kinds that have none.
        near_misses: what has the form of a kind and fails its check, by kind, without the kinds that have none.

    """

    documents: int
    found: Mapping[str, int]
    near_misses: Mapping[str, int]

    @property
    def is_clean(self) -> bool:
        """Nothing was found."""
        return not self.found


def audit_pii(texts: Texts, kinds: Iterable[str] = DEFAULT_KINDS) -> PIIAudit:
    """Looks again, and counts.

    Args:
        texts: any Arrow string array or an iterable of `str`.
        kinds: names in `KINDS`.

    Raises:
        PlanError: a name is not in `KINDS`.

    """
    kinds = _checked(kinds)
    findings = _find(texts, kinds)
    counted = pc.value_counts(findings.field("spans").flatten().field("kind")).to_pylist()
    found = {row["values"]: row["counts"] for row in counted}
    near = {kind: pc.sum(findings.field("near_misses").field(kind)).as_py() or 0 for kind in kinds}
    return PIIAudit(
        documents=len(findings),
        found=MappingProxyType({kind: found[kind] for kind in kinds if kind in found}),
        near_misses=MappingProxyType({kind: count for kind, count in near.items() if count}),
    )


def _find(texts: Texts, kinds: Iterable[str]) -> pa.StructArray:
    return pa.array(_native.find_pii(as_large_strings(texts), _checked(kinds)))


def scrub_pii(
    texts: Texts, kinds: Iterable[str] = DEFAULT_KINDS, policy: str = "tag", key: bytes | None = None
) -> pa.LargeStringArray:
    """The texts without their personal data and secrets; looking again finds nothing.

    Args:
        texts: any Arrow string array or an iterable of `str`.
        kinds: names in `KINDS`.
        policy: a name in `POLICIES`.
        key: secret of the policy `pseudonym`, at least `LEAST_KEY_BYTES`.

    Returns:
        `large_string`, null where the text is null.

    Raises:
        PlanError: an unknown kind or policy, or a key missing, too short or out of place.

    """
    _check_policy(policy, key)
    scrubbed = pa.array(_native.scrub_pii(as_large_strings(texts), _checked(kinds), policy, key))
    return scrubbed.field("text")


@dataclass(frozen=True)
class ScrubPII(Stage):
    """Replaces personal data and secrets in `text` and counts them by kind in `pii`.

    Beside the counts, `pii` has the near misses of the text as it was: candidates with the form of a kind that fail its
    check. Many of them in a source are a reason to look at a rule.

    A replacement depends on the document alone. The scrubbed text holds nothing that would be found again, so
    scrubbing twice is scrubbing once.

    Attributes:
        kinds: names in `KINDS`.
        policy: a name in `POLICIES`.
        max_per_document: documents with more findings are dropped; Dolma drops above 5 (Soldaini et al. 2024,
            arXiv:2402.00159). None keeps all.
        key: secret of the policy `pseudonym`, at least `LEAST_KEY_BYTES`; the fingerprint covers its digest alone.
        keep_spans: adds `pii_spans`, where in the scrubbed text each replacement stands and how many bytes it
            replaced; for inspection, without what stood there.

    """

    kinds: tuple[str, ...] = DEFAULT_KINDS
    policy: str = "tag"
    max_per_document: int | None = None
    key: bytes | None = field(default=None, repr=False)  # `jsonable` stores a digest of bytes
    keep_spans: bool = False

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
        counts = [pa.field(kind, pa.int32()) for kind in self.kinds]
        pii = pa.struct([*counts, pa.field(NEAR_MISSES, pa.struct(counts))])
        spans = [pa.field(PII_SPANS, _SPANS)] if self.keep_spans else []
        return pa.schema([pa.field(TEXT, pa.large_string()), pa.field(PII, pii), *spans])

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
        columns = [*counts.flatten(), scrubbed.field("near_misses")]
        pii = pa.StructArray.from_arrays(columns, fields=list(self.adds.field(PII).type))
        batch = set_column(set_column(batch, TEXT, scrubbed.field(TEXT)), PII, pii)
        if self.keep_spans:
            batch = set_column(batch, PII_SPANS, scrubbed.field("replacements"))
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
    if key is not None and len(key) < LEAST_KEY_BYTES:
        raise PlanError(
            f"a key of {len(key)} bytes can be guessed, and the values with it",
            hint=f"pass at least {LEAST_KEY_BYTES} random bytes, such as secrets.token_bytes(32)",
        )
