"""What Temporal says against an act on a run, as what its caller can mend: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import BadUserInput, Conflict, NotFound, Path, Refusal
from app.model import ExecutionRef
from app.temporal.actions import closed_or_unknown
from app.temporal.connection import NotSupported


@contextmanager
def refusing(
    ref: ExecutionRef, *, needs: str = "", conflict: str = "", path: Path = (), at: Path = ("workflowId",)
) -> Iterator[None]:
    """Raise Refusal where Temporal refuses an act on the run.

    `needs` says what a server must have for it to be offered. `conflict` is the code for a state of the run that does
    not allow it now; without one the error stays. `path` is that of a value that Temporal finds wrong, `at` that of
    what is acted on.
    """
    try:
        yield
    except NotSupported as error:
        raise Refusal("NOT_SUPPORTED", f"{needs} {error.message}".strip()) from error
    except NotFound as error:
        raise closed_or_unknown(error, ref) from error
    except BadUserInput as error:
        raise Refusal("INVALID_INPUT", error.message, path=path) from error
    except Conflict as error:
        if not conflict:
            raise
        raise Refusal(conflict, f"Workflow {ref.workflow_id!r}: {error.message}", path=at) from error
