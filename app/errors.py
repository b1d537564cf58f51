"""The one error family.

Every error that leaves Tideline is a `TidelineError`: a stable code for programs and a sentence for the person
who meets it, which says what went wrong, with which value, and what to do. The code becomes `extensions.code`
of a GraphQL error, the status of a health check, or the exit code of a command. An exception outside this
family is a bug: the rim logs it under the request's id and shows strangers only `INTERNAL`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

Path = Sequence[str | int]


class TidelineError(Exception):
    """The root of the family. `path` names the argument that is wrong, from the field's arguments down."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, path: Path = (), details: Mapping[str, object] | None = None) -> None:
        """`details` are for programs: they stand beside the code in the error's extensions."""
        super().__init__(message)
        self.message = message
        self.path = tuple(path)
        self.details = dict(details or {})
        self.may_have_happened: bool | None = None
        """Of a mutation that failed: whether it may have taken effect all the same. None where it is no matter."""


class BadUserInput(TidelineError):
    """The caller sent something that cannot be meant: mend it and send it again."""

    code = "BAD_USER_INPUT"


class Unauthenticated(TidelineError):
    """Nobody knows who the caller is."""

    code = "UNAUTHENTICATED"


class Forbidden(TidelineError):
    """The caller is known and may not do this."""

    code = "FORBIDDEN"


class IdentityUnavailable(TidelineError):
    """What tokens are checked with cannot be had: whether the caller may come in is not known."""

    code = "UNAVAILABLE"


class NotFound(TidelineError):
    """It does not exist, or belongs to a tenant that is not the caller's: the words are the same."""

    code = "NOT_FOUND"


class Conflict(TidelineError):
    """The state of the thing does not allow it now."""

    code = "CONFLICT"


class RateLimited(TidelineError):
    """Too many of these in too short a time."""

    code = "RATE_LIMITED"


class QuotaExceeded(RateLimited):
    """The tenant already uses as much of this as it may."""

    code = "QUOTA_EXCEEDED"


class CostLimitExceeded(RateLimited):
    """The operation costs more than one may, or than its identity has left. `retry_after` is in seconds; None where
    waiting does not help."""

    code = "COST_LIMIT_EXCEEDED"

    def __init__(
        self, message: str, *, retry_after: float | None = None, details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message, details=details)
        self.retry_after = retry_after


class TooComplex(BadUserInput):
    """A request that is larger or more deeply nested than one may be. Nothing of it was executed."""

    code = "QUERY_TOO_COMPLEX"


class NotTrusted(TidelineError):
    """Only known documents are served, and this is none of them."""

    code = "DOCUMENT_NOT_TRUSTED"


class PersistedQueryNotFound(TidelineError):
    """The document of this hash is not known here: clients send it once more, with its text."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class DeadlineExceeded(TidelineError):
    """The work did not finish in its time; a mutation may have happened all the same."""

    code = "TIMEOUT"


class TemporalUnavailable(TidelineError):
    """Temporal does not answer."""

    code = "TEMPORAL_UNAVAILABLE"


class DatabaseUnavailable(TidelineError):
    """Postgres does not answer."""

    code = "DATABASE_UNAVAILABLE"


class Refusal(TidelineError):
    """A mutation's refusal that its caller can mend; it becomes a `userError` of the payload.

    `reason` is the stable code of the refusal, such as NOT_FOUND, ALREADY_CLOSED or INVALID_INPUT; `path` is the
    path of the input field that it speaks of, or empty.
    """

    code = "CONFLICT"

    def __init__(self, reason: str, message: str, *, path: Path = ()) -> None:
        super().__init__(message, path=path)
        self.reason = reason

    @classmethod
    def of_input(cls, error: BadUserInput) -> Refusal:
        """The refusal of an input that cannot be meant."""
        return cls("INVALID_INPUT", error.message, path=error.path)

    def as_error(self) -> TidelineError:
        """The same for a field that has no `userErrors` to tell it by."""
        kind = {"INVALID_INPUT": BadUserInput, "NOT_ALLOWED": Forbidden, "NOT_FOUND": NotFound}.get(self.reason)
        return kind(self.message, path=self.path) if kind else self


class Unavailable(TidelineError):
    """The process is about to end: another one answers."""

    code = "UNAVAILABLE"


class ConfigurationError(TidelineError):
    """The operator's settings cannot work. A command that meets it prints the sentence and exits with 2."""

    code = "CONFIGURATION"
