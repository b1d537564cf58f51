"""What a setting is, and how all of a kind are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, field, fields
from typing import Any, TypeVar

from starlette.datastructures import Secret

from app.errors import ConfigurationError

T = TypeVar("T")


def setting(env: str, default: Any, cast: Callable[[str], Any], meaning: str) -> Any:
    """A field of `Settings` with what the command line needs to offer it."""
    return field(default=default, metadata={"env": env, "cast": cast, "help": meaning})


def read(cls: type[T], overrides: Mapping[str, Any] | None, environ: Mapping[str, str] | None) -> T:
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for each in fields(cls):  # type: ignore[arg-type]
        given = (overrides or {}).get(each.name)
        if given is not None:
            values[each.name] = given
        elif text := environ.get(each.metadata["env"], ""):
            values[each.name] = cast_setting(each, text)
    return cls(**values)


def is_secret(each: Field[Any]) -> bool:
    return each.metadata["cast"] is Secret


def cast_setting(each: Field[Any], text: str) -> Any:
    """The value of a setting from its text."""
    try:
        return each.metadata["cast"](text)
    except ValueError as error:
        shown = "its value" if is_secret(each) else repr(text)
        raise ConfigurationError(f"{each.metadata['env']} cannot be {shown}: {error}.") from None


def environment_of_child(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `changes`, for a process that it starts."""
    return {**os.environ, **changes}
