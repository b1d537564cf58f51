"""Trusted documents: files that clients' builds write, with every document that their clients send.

Three shapes are read: the map of ids to texts that graphql-codegen and Relay write, Apollo's manifest, and lists of
pairs. Files are looked at again once a second, when somebody asks, so that a deployment needs no restart; one that
cannot be read any more leaves the documents as they were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from app import log
from app.errors import ConfigurationError

LOOK_EVERY = 1.0
"""Seconds."""
APOLLO = "apollo-persisted-query-manifest"

_logger = log.logger(__name__)
_Stamp = tuple[tuple[Path, int, int], ...]


class TrustedDocuments:
    """Known documents by id. Raises ConfigurationError where they cannot be read at the start."""

    def __init__(self, places: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._places = [Path(each) for each in places]
        self._clock = clock
        self._looked_at = clock()
        self._stamp = self._stamped()
        self._texts = _read(self._stamp)
        self._known = frozenset(self._texts.values())

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, id_: str) -> str | None:
        """The document of this id; `sha256:` before a hash may be there or not."""
        self._look()
        found = self._texts.get(id_)
        return found if found is not None else self._texts.get(id_.removeprefix("sha256:"))

    def knows(self, text: str) -> bool:
        """Whether this is one of the documents, to the letter."""
        self._look()
        return text in self._known

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = now
        try:
            stamp = self._stamped()
            if stamp == self._stamp:
                return
            self._texts = _read(stamp)
        except ConfigurationError as error:
            _logger.error("trusted documents stay as they were", reason=error.message)
            return
        self._stamp, self._known = stamp, frozenset(self._texts.values())
        _logger.info("trusted documents read anew", documents=len(self._texts))

    def _stamped(self) -> _Stamp:
        """Each file, and what tells that it has changed."""
        try:
            return tuple(
                (file, (found := file.stat()).st_mtime_ns, found.st_size)
                for place in self._places
                for file in (sorted(place.glob("*.json")) if place.is_dir() else [place])
            )
        except OSError as error:
            raise ConfigurationError(
                f"TIDELINE_DOCUMENTS names {error.filename}, which cannot be read: {error.strerror}."
            ) from None


def _read(stamp: _Stamp) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for file, _, _ in stamp:
        for id_, text in _documents(file):
            if texts.setdefault(id_, text) != text:
                raise ConfigurationError(f"{file} has another document of the id {id_!r} than a file before it.")
    if not texts:
        places = ", ".join(str(file) for file, _, _ in stamp) or "a folder without .json files"
        raise ConfigurationError(f"TIDELINE_DOCUMENTS names {places}, where there is no document.")
    return texts


def _documents(file: Path) -> Iterator[tuple[str, str]]:
    try:
        content = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read as JSON: {error}.") from None
    for pair in _pairs(content):
        match pair:
            case (str(id_), str(text)) if id_ and text:
                yield id_, text
            case _:
                raise ConfigurationError(
                    f"{file} is no list of documents: expected a map of ids to documents, as graphql-codegen and Relay"
                    f" write it, or a manifest of the format {APOLLO}."
                )


def _pairs(content: Any) -> Iterator[Any]:
    if isinstance(content, dict) and content.get("format") == APOLLO:
        operations = content.get("operations")
        if not isinstance(operations, list) or content.get("version") != 1:
            yield None
            return
        for each in operations:
            yield (each.get("id"), each.get("body")) if isinstance(each, dict) else None
    elif isinstance(content, dict):
        yield from content.items()
    elif isinstance(content, list):
        yield from (tuple(each) if isinstance(each, list) else None for each in content)
    else:
        yield None
