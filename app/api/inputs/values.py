"""Values within inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.errors import BadUserInput, Path, Refusal


def json_object(value: Any, path: Path) -> Mapping[str, Any]:
    """The object that a JSON scalar holds; BadUserInput at `path` where it is something else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadUserInput(f"{path[-1]} must be a JSON object.", path=path)
    return value


class Objects:
    """Reads the JSON objects of one input; what is wrong with them is kept in `problems`."""

    def __init__(self) -> None:
        self.problems: list[Refusal] = []

    def read(self, value: Any, *path: str) -> Mapping[str, Any]:
        """The object, empty where it is none."""
        try:
            found: Mapping[str, Any] = storable(json_object(value, path), path)
        except BadUserInput as error:
            self.problems.append(Refusal.of_input(error))
            return {}
        return found


def storable(value: Any, path: Path) -> Any:
    """The JSON value; BadUserInput at `path` for what no database holds, such as a whole number of 20 digits."""
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise BadUserInput(f"{path[-1]} cannot be used: {error}.", path=path) from None
    return value
