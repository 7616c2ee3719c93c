"""Trying again what a network or a busy service spoilt, and telling plainly what trying again cannot mend."""

import errno
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from curate.errors import StorageError

T = TypeVar("T")

#: Packages whose exceptions are about a connection or an answer, not about the program.
_CLIENTS = {"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google", "http", "requests", "urllib3"}
#: Exceptions of these names mean that nobody said who we are; they are no `PermissionError`.
_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "TokenRetrievalError",
    "CredentialRetrievalError",
}
#: Answers that the same request will get again.
_LASTING = {errno.EINVAL, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENAMETOOLONG, errno.EMSGSIZE}
#: Codes of object stores that are told as EINVAL, and are nevertheless the fault of one connection.
_SPOILT_BODY = {"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"}
#: No room where a local file is being written: a full disk, a quota, a limit of the process.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class TruncatedBodyError(OSError):
    """Fewer bytes arrived than the server had announced."""


@dataclass(frozen=True)
class Backoff:
    """How often to try, and how long to wait in between.

    The wait before attempt n + 1 is drawn evenly from 0 to `first_seconds` x 2^n, never above `longest_seconds`
    ("full jitter", Brooker 2015, AWS Architecture Blog): clients that were refused together do not come back
    together.
    """

    attempts: int = 10
    first_seconds: float = 0.2
    longest_seconds: float = 30.0

    def wait(self, attempt: int, at_least: float = 0.0) -> None:
        """Sleeps after the attempt of that number, from 0; `at_least` is what the server asked for."""
        limit = min(self.longest_seconds, self.first_seconds * 2**attempt)
        time.sleep(max(at_least, random.uniform(0.0, limit)))


BACKOFF = Backoff()


def retrying(action: Callable[[], T], what: str, backoff: Backoff | None = None) -> T:
    """What `action` returns, tried again while it fails for reasons that pass.

    Args:
        action: may be done twice without harm.
        what: the path or URL, for messages.
        backoff: default `BACKOFF`.

    Raises:
        FileNotFoundError: there is no such file.
        StorageError: access is refused, the disk is full, or every attempt failed.
    """
    backoff = backoff or BACKOFF
    for attempt in range(backoff.attempts):
        try:
            return action()
        except Exception as error:
            told = lasting(error, what)
            if told is error or (told is None and not is_passing(error)):
                raise
            if told is not None:
                raise told from error
            if attempt + 1 == backoff.attempts:
                raise StorageError(
                    f"{what} failed {backoff.attempts} times: {reason_of(error)}",
                    hint="start the same command again when the service is well: it goes on where it stopped",
                ) from error
        backoff.wait(attempt)
    raise AssertionError("the last attempt returns or raises")


def lasting(error: Exception, what: str) -> Exception | None:
    """The plain message for a fault that lasts and is not the program's; None for every other."""
    if isinstance(error, FileNotFoundError):
        return (
            error if error.filename else FileNotFoundError(errno.ENOENT, str(error) or "no such file", what)
        )
    if isinstance(error, PermissionError):
        hint = "check the credentials, and what they may do there"
        return StorageError(f"permission denied: {what} ({reason_of(error)})", hint=hint)
    if any(kind.__name__ in _NO_CREDENTIALS for kind in type(error).__mro__):
        hint = "give them as the protocol wants them, for S3 in the environment or in ~/.aws/credentials"
        return StorageError(f"no credentials for {what} ({reason_of(error)})", hint=hint)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return no_room(error, what)
    if _is_refusal(error):
        return StorageError(f"{what} is refused: {reason_of(error)}", hint="check the address")
    return None


def no_room(error: OSError, what: str) -> StorageError:
    """The one message for a disk that is full, wherever that showed."""
    name = {errno.EDQUOT: "the quota is used up", errno.EFBIG: "the limit of file sizes is reached"}
    told = name.get(error.errno or 0, "no space left on the device")
    return StorageError(
        f"{told}: `{what}`",
        hint="make room and start the same command again: it goes on where it stopped",
    )


def is_passing(error: Exception) -> bool:
    """Whether a fault may be gone the next time: throttling, resets, timeouts, bodies cut short, 5xx."""
    if isinstance(error, StorageError):
        return False
    if isinstance(error, OSError | EOFError):
        return not _is_refusal(error)
    return type(error).__module__.partition(".")[0] in _CLIENTS


def _is_refusal(error: Exception) -> bool:
    """Whether the same request will get the same answer."""
    if type(error).__name__ == "ParamValidationError":
        return True
    answer = getattr(error.__cause__, "response", None)
    if isinstance(answer, dict) and answer.get("Error", {}).get("Code") in _SPOILT_BODY:
        return False
    return isinstance(error, OSError) and error.errno in _LASTING


def reason_of(error: Exception) -> str:
    """One line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
