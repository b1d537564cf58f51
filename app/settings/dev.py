"""What `tideline dev` alone asks for."""
# ruff: noqa: RUF009 - `setting` makes a dataclass field, which is what the rule asks for

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.settings.casts import boolean, port
from app.settings.reading import read, setting


@dataclass(frozen=True)
class DevSettings:
    """What `tideline dev` alone asks for."""

    temporal_port: int = setting(
        "TIDELINE_TEMPORAL_PORT", 7233, port, "port of the embedded Temporal; 0 takes a free one"
    )
    temporal_ui_port: int = setting(
        "TIDELINE_TEMPORAL_UI_PORT", 8233, port, "port of Temporal's Web UI; 0 takes a free one"
    )
    data_dir: Path = setting("TIDELINE_DATA_DIR", Path(".tideline"), Path, "folder of the embedded servers")
    worker: bool = setting("TIDELINE_WORKER", True, boolean, "run a worker with the catalog")

    @classmethod
    def load(cls, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> DevSettings:
        """As `Settings.load`."""
        return read(cls, overrides, environ)
