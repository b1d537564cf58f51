"""Values within inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import BadUserInput


def json_object(value: Any, path: tuple[str, ...]) -> Mapping[str, Any]:
    """The object that a JSON scalar holds; BadUserInput at `path` where it is something else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadUserInput(f"{path[-1]} must be a JSON object.", path=path)
    return value
