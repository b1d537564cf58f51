"""Children that are Tideline itself."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line of a module of ours. -P: an `app` in the current folder is somebody else's."""
    return (sys.executable, "-P", "-m", module, *arguments)


def python_path(current: str | None) -> str:
    """The PYTHONPATH under which a child finds this very Tideline, installed or not."""
    ours = "" if ROOT.name == "site-packages" else str(ROOT)
    return ":".join(filter(None, (ours, current)))
