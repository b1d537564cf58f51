"""Which document a request means: its own text, one that it names by id, or one that was sent before with its hash.

With trusted documents only those are served. Without them hashes are learned, as the protocol of automatic persisted
queries has it: a client sends a hash; where it is not known, the hash and the text once. A process that has not heard
of a hash, or has forgotten it, asks again, so that nothing need be shared.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from app.api.trusted import TrustedDocuments
from app.errors import BadUserInput, NotTrusted, PersistedQueryNotFound

LEARNED = 4_000_000
"""Characters of learned documents that are kept, the last used."""
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Text:
    """A document's text, and whether it is one of the trusted ones."""

    document: str
    is_trusted: bool = False


class Texts:
    """Finds the text of what clients send."""

    def __init__(self, trusted: TrustedDocuments | None = None, learned: int = LEARNED) -> None:
        self._trusted = trusted
        self._learned: OrderedDict[str, str] = OrderedDict()
        self._room = learned
        self._longest = learned // 10

    def find(self, query: str | None, id_: str | None, extensions: dict[str, Any] | None) -> Text:
        """The document. Raises BadUserInput, NotTrusted or PersistedQueryNotFound."""
        digest = _digest(extensions)
        if self._trusted is not None:
            return self._known(self._trusted, query, id_ or digest)
        if query:
            if digest is not None:
                self._learn(digest, query)
            return Text(query)
        digest = digest or (id_ or "").removeprefix("sha256:").lower()
        if not digest:
            raise BadUserInput("query is missing: send a GraphQL document.")
        text = self._learned.get(digest)
        if text is None:
            raise PersistedQueryNotFound("PersistedQueryNotFound")  # clients look for this word
        self._learned.move_to_end(digest)
        return Text(text)

    def _known(self, trusted: TrustedDocuments, query: str | None, id_: str | None) -> Text:
        if query and trusted.knows(query):
            return Text(query, is_trusted=True)
        if id_ and not query and (text := trusted.text(id_)) is not None:
            return Text(text, is_trusted=True)
        named = f"{id_[:80]!r} is none of them" if id_ else "send its id as documentId, not its text"
        raise NotTrusted(f"Only documents that were made known beforehand are served here: {named}.")

    def _learn(self, digest: str, text: str) -> None:
        if hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != digest:
            raise BadUserInput("extensions.persistedQuery.sha256Hash is not the hash of query.")
        if len(text) > self._longest or digest in self._learned:
            return
        self._learned[digest] = text
        self._room -= len(text)
        while self._room < 0:
            _, forgotten = self._learned.popitem(last=False)
            self._room += len(forgotten)


def _digest(extensions: dict[str, Any] | None) -> str | None:
    said = (extensions or {}).get("persistedQuery")
    if said is None:
        return None
    version, digest = (said.get("version"), said.get("sha256Hash")) if isinstance(said, dict) else (None, None)
    if version != 1 or not isinstance(digest, str) or not _HASH.fullmatch(digest.lower()):
        raise BadUserInput("extensions.persistedQuery must be {version: 1, sha256Hash: the SHA-256 in hexadecimal}.")
    return digest.lower()
