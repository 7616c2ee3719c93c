"""Where a run writes and in which form."""

from dataclasses import dataclass
from typing import Any

from curate.errors import PlanError


@dataclass(frozen=True)
class Output:
    """What a run leaves behind. Made by `write_tokens` and `write_documents`.

    Attributes:
        folder: the output folder, or a URL that fsspec knows.
        tokens: write token shards beside the documents.
        valid_share: share of documents, chosen by hash of their id, that go to the valid split.
        by_language: one token dataset per language, below `tokens/<language>/`; `und` where it is not known.
        reject_text: keep the text of rejected documents.
        keep_work: keep `work/` when the run is done: the documents between phases and the spills of barriers. With
            `--restart`, files added behind the others and changed late stages then re-use them.
    """

    folder: str
    tokens: bool
    valid_share: float = 0.01
    by_language: bool = False
    reject_text: bool = True
    keep_work: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.valid_share < 1.0:
            raise PlanError(f"valid_share is {self.valid_share}", hint="choose a share from 0 to below 1")

    def identity(self) -> dict[str, Any]:
        """What the fingerprint covers: everything but the place, and what is kept there for later."""
        return {
            "tokens": self.tokens,
            "valid_share": self.valid_share,
            "by_language": self.by_language,
            "reject_text": self.reject_text,
        }

    def describe(self) -> str:
        """One line for people."""
        tables = "documents, rejects, tokens" if self.tokens else "documents, rejects"
        return f"{self.folder} ({tables})"


def write_tokens(
    folder: str,
    *,
    valid_share: float = 0.01,
    by_language: bool = False,
    reject_text: bool = True,
    keep_work: bool = False,
) -> Output:
    """Documents, rejects and token shards below `folder`; the pipeline must end in `Tokenize`."""
    return Output(str(folder), True, valid_share, by_language, reject_text, keep_work)


def write_documents(folder: str, *, reject_text: bool = True, keep_work: bool = False) -> Output:
    """Documents and rejects below `folder`."""
    return Output(str(folder), False, reject_text=reject_text, keep_work=keep_work)
