"""The exceptions of curate. A missing file stays a `FileNotFoundError`: Python's own class where one fits."""


class CurateError(Exception):
    """A program, configuration or environment fault: the run could not start or go on.

    `hint` says what to do next; the command line prints it after the message and exits with 2.
    Faults of documents and files are never exceptions: they are reasons and quarantined shards.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        if hint is not None:
            self.add_note(f"hint: {hint}")  # a script's traceback shows it too

    def __reduce__(self) -> tuple[type["CurateError"], tuple[str, str | None]]:
        return type(self), (str(self), self.hint)


class PlanError(CurateError):
    """A pipeline that cannot run: a missing column, a stale signal, a repeated stage name, a bad parameter."""


class OutputError(CurateError):
    """An output folder that belongs to another plan, is damaged, or cannot be written."""


class StorageError(CurateError):
    """Files that cannot be read or written: no access, no bucket, no space, or a service that stays away."""
