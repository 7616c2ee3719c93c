"""The one abstraction: a stage decides about the rows of a batch, and only the runner drops rows.

A `Stage` maps a batch to the same rows in the same order plus an optional reason per row.
A `Barrier` needs to see every shard before it can decide; it works in rounds of map and reduce.
Both are frozen dataclasses, so that equality, `repr`, fingerprints and pickling come free.
"""

import dataclasses
import hashlib
import importlib
import inspect
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from curate.code_identity import code_of, is_own
from curate.errors import PlanError
from curate.schema import ROW, TEXT


@dataclass(frozen=True)
class Outcome:
    """What a stage says of a batch: the rows it was given, perhaps with new columns, and who should go.

    Attributes:
        batch: the same rows in the same order.
        reason: string array, null = keep; None = keep all.
        failed: list<string> array, every rule that failed, the reason first; None = the reason alone.
        evidence: further columns for the rejects table, e.g. `duplicate_of` and `similarity`.
    """

    batch: pa.RecordBatch
    reason: pa.Array | None = None
    failed: pa.Array | None = None
    evidence: Mapping[str, pa.Array] = field(default_factory=dict)


class _Declared(ABC):
    """What stages and barriers declare, so that a plan can be checked before anything runs."""

    # Raised when the decisions for unchanged parameters change; part of the fingerprint.
    version: ClassVar[int] = 1

    @property
    def name(self) -> str:
        """Name in files and reports, snake_case and unique within a pipeline."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self).__name__).lower()

    @property
    @abstractmethod
    def reads(self) -> frozenset[str]:
        """Columns that must be there."""

    @property
    def adds(self) -> pa.Schema:
        """Columns added or replaced."""
        return pa.schema([])

    @property
    def removes(self) -> frozenset[str]:
        """Columns consumed: the rows leave without them."""
        return frozenset()

    @property
    def invalidates(self) -> frozenset[str]:
        """Columns that no longer describe the row, because this stage edits what they were computed from."""
        return frozenset()

    @property
    def reasons(self) -> Mapping[str, str]:
        """Every reason this can give, with one line of explanation."""
        return {}

    def artifacts(self, verdicts: pa.Table) -> Mapping[str, bytes]:
        """Files that belong to the run's result, by path below the output folder.

        `verdicts` is what a barrier's last round addressed to the first shard; without columns for a stage.
        """
        del verdicts
        return {}

    def identity(self) -> dict[str, Any]:
        """What the fingerprint covers: class, version, every parameter and code of a recipe's own, as JSON values.

        A stage that reads files (models, lists, evaluation sets) extends this with their digests.
        """
        fields = {f.name: jsonable(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {
            "stage": type(self).__qualname__,
            "version": self.version,
            **fields,
            **class_identity(type(self)),
        }

    def code(self) -> dict[str, Any]:
        """The code of a recipe's own that decides here, as JSON values: every process must find the same.

        Empty for what curate brings.
        """
        return code_of(type(self))

    def check_columns(self, columns: pa.Schema) -> None:
        """Raises a `PlanError` where the columns that arrive, all of `reads` among them, will not do."""
        del columns


class Stage(_Declared):
    """A decision about each row that needs no other shard. Subclasses are frozen dataclasses."""

    @abstractmethod
    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """The same rows in the same order, with a reason for each row that should go."""


class Round(ABC):
    """One step of a barrier: `map` runs once per shard, `reduce` once per key partition.

    Both must be deterministic: `rows` reach `reduce` ordered by shard, then as mapped.
    """

    #: snake_case, unique within the barrier
    name: ClassVar[str]
    #: Whether `reduce` is told, in an int32 column `shard`, which shard each row was mapped from.
    names_shard: ClassVar[bool] = False

    @property
    @abstractmethod
    def partitions(self) -> int:
        """Number of key partitions; they are reduced in parallel."""

    @property
    @abstractmethod
    def reads(self) -> frozenset[str]:
        """Document columns that `map` uses where they exist; empty = it only looks at its inbox."""

    @abstractmethod
    def map(self, documents: Iterable[pa.RecordBatch], shard: int, inbox: pa.Table) -> Iterator[pa.Table]:
        """Tables with an int32 column `partition` that says where each row goes.

        Args:
            documents: batches of the shard's documents with an added int64 column `row`. In a barrier's first
                round this is the live stream of the phase and must be consumed to its end; a later round
                reads the stored documents again, only the columns it names.
            shard: the shard's number.
            inbox: what the previous round's `reduce` addressed to this shard; zero columns in the first round.
        """

    @abstractmethod
    def reduce(self, partition: int, rows: pa.Table) -> pa.Table:
        """A table with an int32 column `shard` that says where each row goes (`EVERY_SHARD` = to all).

        `rows` is everything mapped to this partition; a table without rows and columns if that is nothing.
        """


class Barrier(_Declared):
    """A decision that needs every shard. Subclasses are frozen dataclasses that share one parameter object."""

    @property
    @abstractmethod
    def rounds(self) -> tuple[Round, ...]:
        """The rounds in order; what the last one addresses to a shard are that shard's verdicts."""

    @abstractmethod
    def apply(self, batch: pa.RecordBatch, verdicts: pa.Table) -> Outcome:
        """Decides about a batch of the stored documents.

        Args:
            batch: documents, with an added int64 column `row`: the position within the shard, which is
                what verdicts name. The runner removes that column afterwards.
            verdicts: all rows addressed to this shard by the last round; zero columns if that is nothing.
        """


def align(batch: pa.RecordBatch, verdicts: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    """The verdict of each row of `batch`, in its order; null where there is none.

    `schema` names the verdict columns wanted. At most one verdict may exist per row.
    """
    if verdicts.num_rows == 0:
        return pa.record_batch([pa.nulls(batch.num_rows, f.type) for f in schema], schema=schema)
    positions = pc.index_in(batch[ROW], verdicts[ROW].combine_chunks())
    columns = [verdicts[f.name].combine_chunks().cast(f.type).take(positions) for f in schema]
    return pa.record_batch(columns, schema=schema)


def set_column(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    """`batch` with column `name` added or replaced."""
    index = batch.schema.get_field_index(name)
    if index >= 0:
        return batch.set_column(index, name, values)
    return batch.append_column(name, values)


def jsonable(value: Any) -> Any:
    """A parameter as JSON values, in an order that does not depend on hashing.

    Raises:
        PlanError: the value has no stable form, so that a fingerprint could not cover it.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return {"bytes": hashlib.sha256(value).hexdigest()}
    if isinstance(value, _Declared):
        return value.identity()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__qualname__, **fields, **class_identity(type(value))}
    if isinstance(value, Mapping):
        return {str(key): jsonable(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, set | frozenset):
        return sorted((jsonable(item) for item in value), key=repr)
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if inspect.isfunction(value):
        if is_own(value):
            return {"function": value.__qualname__, **code_of(value)}
        return {"function": value.__qualname__, "source": hashlib.sha256(_source(value)).hexdigest()}
    raise PlanError(
        f"a parameter of type {type(value).__qualname__} cannot be fingerprinted",
        hint="pass numbers, strings, tuples, dataclasses, or a function defined in a file",
    )


def class_identity(kind: type) -> dict[str, Any]:
    """What an identity says of the code of a class; nothing unless it is a recipe's own."""
    code = code_of(kind)
    return {"class": code} if code else {}  # no parameter can have that name


def _source(function: Callable[..., Any]) -> bytes:
    try:
        return inspect.getsource(function).encode()
    except OSError:  # defined at a prompt: the compiled code still tells two versions apart
        code = function.__code__
        return code.co_code + repr(code.co_consts).encode()


@dataclass(frozen=True)
class PerDocument(Stage):
    """A plain function over one text as a stage: the only sanctioned row-wise door. See `per_document`."""

    label: str
    function: Callable[..., str | None]
    declared: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if not inspect.isfunction(self.function):
            raise PlanError(
                f"stage `{self.label}` is made of a {type(self.function).__name__}, not of a function",
                hint="decorate a plain function: `@cu.per_document(name, reasons={...})` above its `def`",
            )

    @property
    def name(self) -> str:
        """The label given to the decorator."""
        return self.label

    @property
    def reads(self) -> frozenset[str]:
        """The text."""
        return frozenset({TEXT})

    @property
    def reasons(self) -> Mapping[str, str]:
        """The reasons given to the decorator."""
        return dict(self.declared)

    def identity(self) -> dict[str, Any]:
        """Label, reasons, the function's code and what that reads, and its values."""
        values = {key: jsonable(value) for key, value in self.values}
        found = super().identity()
        return {
            **{key: found[key] for key in found if key != "values"},
            **({"values": values} if values else {}),
        }

    def code(self) -> dict[str, Any]:
        """That of the function."""
        return code_of(self.function)  # type: ignore[arg-type]

    def with_values(self, **values: Any) -> "PerDocument":
        """The stage with values for keyword parameters of its function: `min_words.with_values(n=5)`.

        They are part of the fingerprint: numbers, strings, tuples, dataclasses.

        Raises:
            PlanError: the function has no such parameter, or a value cannot be fingerprinted.
        """
        known = _parameters(self.function)
        if unknown := sorted(values.keys() - known.keys()):
            raise PlanError(
                f"the function of stage `{self.label}` has no parameter `{unknown[0]}`",
                hint=f"it has {', '.join(known) or 'none'} beside the text",
            )
        for value in values.values():
            jsonable(value)
        return dataclasses.replace(self, values=tuple(sorted({**dict(self.values), **values}.items())))

    def named(self, label: str) -> "PerDocument":
        """The same under another label, e.g. to use one function twice, with different values."""
        return dataclasses.replace(self, label=label)

    def check_columns(self, columns: pa.Schema) -> None:
        """Every parameter of the function must have a value."""
        del columns
        given = dict(self.values)
        missing = [
            key
            for key, parameter in _parameters(self.function).items()
            if parameter.default is parameter.empty and key not in given
        ]
        if missing:
            raise PlanError(
                f"the function of stage `{self.label}` has no value for `{missing[0]}`",
                hint=f"give it a default, or use the stage `.with_values({missing[0]}=...)`",
            )

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Asks the function about each text; null texts count as empty."""
        values = dict(self.values)
        given = [self.function(text or "", **values) for text in batch[TEXT].to_pylist()]
        unknown = {reason for reason in given if reason is not None} - {name for name, _ in self.declared}
        if unknown:
            raise PlanError(
                f"stage `{self.label}` gave the undeclared reason `{min(unknown)}`",
                hint="list every reason in `@per_document(name, reasons={...})`",
            )
        return Outcome(batch, pa.array(given, pa.string()))

    def __reduce__(self) -> tuple[Any, ...]:
        # The decorated name now holds this stage, so the function cannot be pickled by its own name.
        return _found_stage, (self.label, self.address(), self.declared, self.values)

    def address(self) -> tuple[str, str]:
        """The module and the name under which worker processes find the function.

        Raises:
            PlanError: they would find none, or another one.
        """
        module = sys.modules.get(self.function.__module__)
        names = [self.function.__qualname__, *(vars(module) if module else ())]
        found = next((name for name in names if _function_at(module, name) is self.function), None)
        if found is None:
            raise PlanError(
                f"worker processes cannot find the function of stage `{self.label}`",
                hint="define it at the top level of its file, and set what changes with `.with_values(n=...)`: "
                "a function made inside another one stays in its process",
            )
        if (
            self.function.__module__ == "__main__"
            and not Path(getattr(module, "__file__", None) or "").is_file()
        ):
            raise PlanError(
                f"worker processes cannot find the function of stage `{self.label}`, which is in no file",
                hint="write it into a file beside this one and import it: "
                "processes do not see what was typed at a prompt or into a notebook",
            )
        return self.function.__module__, found


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """What can be given by name, beside the text."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    rest = list(inspect.signature(function).parameters.values())[1:]
    return {parameter.name: parameter for parameter in rest if parameter.kind in kinds}


def _function_at(module: Any, name: str) -> Any:
    """The function of that name in a module, decorated or not; None if there is none."""
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found.function if isinstance(found, PerDocument) else found


def _found_stage(
    label: str,
    address: tuple[str, str],
    declared: tuple[tuple[str, str], ...],
    values: tuple[tuple[str, Any], ...],
) -> PerDocument:
    module, name = address
    function = _function_at(importlib.import_module(module), name)
    if function is None:
        raise PlanError(
            f"a worker process finds no `{name}` in `{module}`", hint="define it at the top level of a file"
        )
    return PerDocument(label, function, declared, values)


def per_document(name: str, reasons: Mapping[str, str]) -> Callable[[Callable[..., str | None]], PerDocument]:
    """Turns `text -> reason | None` into a stage.

    The function lies at the top level of a file, since worker processes import it. What varies from run to run is a
    keyword parameter: `short.with_values(n=5)`, and `.named("shorter")` where both are used. The fingerprint covers
    its code, those values, and what it reads: constants, and functions and classes that no installed package brings.
    Of an object such as a loaded model it knows only the type, and a run says so: a parameter can name its version.

    Example:
        >>> @per_document("short", reasons={"short": "fewer than n words"})
        ... def short(text: str, n: int = 50) -> str | None:
        ...     return "short" if len(text.split()) < n else None
        >>> short.with_values(n=5).identity()["values"]
        {'n': 5}
    """
    return lambda function: PerDocument(name, function, tuple(reasons.items()))


def kept_mask(outcome: Outcome) -> pa.BooleanArray | None:
    """True for rows that stay; None when all do."""
    if outcome.reason is None or outcome.reason.null_count == len(outcome.reason):
        return None
    return pc.is_null(outcome.reason)


__all__ = [
    "Barrier",
    "Outcome",
    "PerDocument",
    "Round",
    "Stage",
    "align",
    "class_identity",
    "jsonable",
    "kept_mask",
    "per_document",
    "set_column",
]
