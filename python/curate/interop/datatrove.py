"""datatrove's steps as stages, and stages as datatrove's steps.

datatrove wants other versions of some packages than curate does, so it is imported only when called for.
"""

import importlib.metadata
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from curate.code_identity import code_of, is_own
from curate.errors import CurateError, PlanError
from curate.schema import ID, TEXT, URL
from curate.stage import Outcome, Stage, class_identity, jsonable, set_column

_DROPPED = "dropped"
_DOCUMENTS_PER_BATCH = 256


@dataclass(frozen=True)
class DatatroveStage(Stage):
    """A filter, formatter or extractor of datatrove as a stage. It sees one document at a time.

    What the step leaves out is rejected with the step's own reason in snake_case, or with `dropped`.
    Steps that make several documents of one are refused.

    Attributes:
        step: a `PipelineStep` of datatrove, e.g. `GopherQualityFilter()`.
        declared: the reasons that the step can give, as it names them; `dropped` is always among them.

    Raises:
        CurateError: datatrove is not installed.
        PlanError: `step` is not one of its steps.
    """

    step: Any
    declared: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Checks the step."""
        if not isinstance(self.step, _datatrove_step_class()):
            raise PlanError(
                f"`{self.step!r}` is no step of datatrove", hint="pass e.g. `GopherQualityFilter()`"
            )

    @property
    def name(self) -> str:
        """The step's class in snake_case."""
        return "datatrove_" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self.step).__name__).lower()

    @property
    def reads(self) -> frozenset[str]:
        """The text and what datatrove keeps beside it."""
        return frozenset({ID, URL, TEXT})

    @property
    def adds(self) -> pa.Schema:
        """The text, since a formatter edits it."""
        return pa.schema([pa.field(TEXT, pa.large_string())])

    @property
    def reasons(self) -> Mapping[str, str]:
        """The reasons declared."""
        said = {_snake(reason): f"datatrove's `{reason}`" for reason in self.declared}
        return {**said, _DROPPED: "datatrove's step gave no reason"}

    def identity(self) -> dict[str, Any]:
        """The step's class, its plain parameters, a recipe's own code in it and datatrove's version."""
        plain = {
            key: value
            for key, value in sorted(vars(self.step).items())
            if isinstance(value, str | int | float | bool | None)
            or (inspect.isfunction(value) and is_own(value))
        }
        return {
            "stage": type(self).__qualname__,
            "version": self.version,
            "step": type(self.step).__qualname__,
            "parameters": jsonable(plain),
            "declared": list(self.declared),
            "datatrove": importlib.metadata.version("datatrove"),
            **class_identity(type(self.step)),
        }

    def code(self) -> dict[str, Any]:
        """That of a step of the recipe's own."""
        return code_of(type(self.step))

    def __call__(self, batch: pa.RecordBatch) -> Outcome:
        """Runs the step over each row."""
        from datatrove.data import Document

        texts: list[str | None] = []
        reasons: list[str | None] = []
        columns = (batch[name].to_pylist() for name in (ID, URL, TEXT))
        for row_id, url, text in zip(*columns, strict=True):
            document = Document(text=text or "", id=row_id or "", metadata={"url": url})
            kept, reason = self._decide(document)
            texts.append(text if kept is None else kept.text)
            reasons.append(reason)
        unknown = {reason for reason in reasons if reason is not None} - set(self.reasons)
        if unknown:
            raise PlanError(
                f"the step `{type(self.step).__name__}` gave the undeclared reason `{min(unknown)}`",
                hint="list every reason in `declared`",
            )
        changed = set_column(batch, TEXT, pa.array(texts, pa.large_string()))
        return Outcome(changed, pa.array(reasons, pa.string()))

    def _decide(self, document: Any) -> tuple[Any | None, str | None]:
        """The document as the step leaves it, or the reason for leaving it out."""
        if hasattr(self.step, "filter"):
            verdict = self.step.filter(document)
            keep, reason = verdict if isinstance(verdict, tuple) else (verdict, None)
            return (document, None) if keep else (None, _snake(reason) if reason else _DROPPED)
        left = list(self.step.run(iter([document]), 0, 1))
        if len(left) > 1:
            raise PlanError(
                f"the step `{type(self.step).__name__}` makes {len(left)} documents of one",
                hint="a stage returns the rows it was given",
            )
        return (left[0], None) if left else (None, _DROPPED)


def as_datatrove_step(stage: Stage) -> Any:
    """A stage as a `PipelineStep` of datatrove.

    The stage may read `id`, `text`, `url` and any other key of the documents' metadata. Documents with a
    reason are dropped and counted as `dropped_REASON`, as datatrove's filters do; columns that the stage
    adds go to the metadata.

    Raises:
        CurateError: datatrove is not installed.
    """
    base = _datatrove_step_class()

    class CurateStep(base):  # type: ignore[misc,valid-type]
        name = f"curate: {stage.name}"
        type = "🔻 - FILTER"

        def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:  # noqa: ARG002
            documents = iter(data or ())
            while group := list(islice(documents, _DOCUMENTS_PER_BATCH)):
                with self.track_time("batch"):
                    outcome = stage(_batch_of(stage, group))
                    added = {field.name: outcome.batch[field.name].to_pylist() for field in stage.adds}
                    texts = outcome.batch[TEXT].to_pylist() if TEXT in outcome.batch.schema.names else None
                    reasons = [None] * len(group) if outcome.reason is None else outcome.reason.to_pylist()
                for row, (document, reason) in enumerate(zip(group, reasons, strict=True)):
                    self.stat_update("total")
                    if reason is not None:
                        self.stat_update("dropped", f"dropped_{reason}")
                        continue
                    if texts is not None:
                        document.text = texts[row]
                    document.metadata.update(
                        {key: column[row] for key, column in added.items() if key != TEXT}
                    )
                    self.stat_update("forwarded")
                    self.update_doc_stats(document)
                    yield document

    return CurateStep()


def _batch_of(stage: Stage, documents: list[Any]) -> pa.RecordBatch:
    columns = {
        ID: pa.array([document.id for document in documents], pa.string()),
        TEXT: pa.array([document.text for document in documents], pa.large_string()),
        URL: pa.array([document.metadata.get(URL) for document in documents], pa.string()),
    }
    for name in sorted(stage.reads - set(columns)):
        values = [document.metadata.get(name) for document in documents]
        columns[name] = pa.array(values)
    return pa.record_batch(columns)


def _snake(reason: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", reason.lower()).strip("_") or _DROPPED


def _datatrove_step_class() -> Any:
    try:
        from datatrove.pipeline.base import PipelineStep
    except ImportError as error:
        raise CurateError(
            f"datatrove cannot be imported: {error}", hint="pip install 'datatrove[processing]==0.10.1'"
        ) from error
    return PipelineStep
