"""Which document a request means: by text, by id from a manifest, by a hash that was learned."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.api.texts import Text, Texts
from app.api.trusted import APOLLO, TrustedDocuments
from app.errors import BadUserInput, ConfigurationError, NotTrusted, PersistedQueryNotFound

QUERY = "{ __typename }"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hashed(text: str, **changes: Any) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(text), **changes}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_hash_is_learned_with_its_text() -> None:
    texts = Texts()
    with pytest.raises(PersistedQueryNotFound, match=r"^PersistedQueryNotFound$"):
        texts.find(None, None, hashed(QUERY))
    assert texts.find(QUERY, None, hashed(QUERY)) == Text(QUERY)
    assert texts.find(None, None, hashed(QUERY)) == Text(QUERY)
    assert texts.find(None, f"sha256:{digest(QUERY)}", None) == Text(QUERY)
    assert texts.find(None, digest(QUERY).upper(), None) == Text(QUERY)


def test_a_hash_of_another_text_is_not_learned() -> None:
    texts = Texts()
    with pytest.raises(BadUserInput, match="is not the hash"):
        texts.find("{ evil }", None, hashed(QUERY))
    with pytest.raises(PersistedQueryNotFound):
        texts.find(None, None, hashed(QUERY))


def test_what_is_learned_is_bounded_and_the_last_used_is_kept() -> None:
    texts = Texts(learned=100)
    written = [f"{{ a{number} }}" for number in range(40)]
    for text in written:
        texts.find(text, None, hashed(text))
        texts.find(written[0], None, hashed(written[0]))
        assert texts.find(None, None, hashed(written[0])) == Text(written[0])
    kept = sum(len(text) for text in written if _is_known(texts, text))
    assert 0 < kept <= 100
    long = "{ " + "a" * 50 + " }"
    texts.find(long, None, hashed(long))
    assert not _is_known(texts, long), "one text cannot push out all others"


def _is_known(texts: Texts, text: str) -> bool:
    try:
        texts.find(None, None, hashed(text))
    except PersistedQueryNotFound:
        return False
    return True


@pytest.mark.parametrize(
    "said", [1, "x", [], {}, {"version": 2, "sha256Hash": "a" * 64}, {"version": 1, "sha256Hash": "a" * 1_000_000}]
)
def test_what_is_no_hash_is_a_sentence(said: Any) -> None:
    with pytest.raises(BadUserInput, match="persistedQuery must be"):
        Texts().find(QUERY, None, {"persistedQuery": said})


def test_nothing_is_no_document() -> None:
    with pytest.raises(BadUserInput, match="query is missing"):
        Texts().find(None, None, None)


MANIFESTS = {
    "codegen": {digest(QUERY): QUERY},
    "relay": {"5f2c": QUERY},
    "pairs": [["5f2c", QUERY]],
    "apollo": {
        "format": APOLLO,
        "version": 1,
        "operations": [{"id": "5f2c", "name": "A", "type": "query", "body": QUERY}],
    },
}


def written(folder: Path, content: Any, name: str = "documents.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


@pytest.mark.parametrize("name", MANIFESTS)
def test_only_known_documents_are_served(tmp_path: Path, name: str) -> None:
    texts = Texts(TrustedDocuments([str(written(tmp_path, MANIFESTS[name]))]))
    id_ = digest(QUERY) if name == "codegen" else "5f2c"
    known = Text(QUERY, is_trusted=True)
    assert texts.find(None, id_, None) == known
    assert texts.find(None, f"sha256:{id_}", None) == known
    assert texts.find(QUERY, None, None) == known
    for query, named in [("{ evil }", None), ("{ evil }", id_), (None, "x" * 1_000_000), (None, None)]:
        with pytest.raises(NotTrusted) as caught:
            texts.find(query, named, None)
        assert len(caught.value.message) < 300
    with pytest.raises(NotTrusted):
        texts.find("{ evil }", None, hashed("{ evil }"))


def test_a_hash_in_the_extensions_is_an_id(tmp_path: Path) -> None:
    texts = Texts(TrustedDocuments([str(written(tmp_path, MANIFESTS["codegen"]))]))
    assert texts.find(None, None, hashed(QUERY)) == Text(QUERY, is_trusted=True)


def test_folders_and_several_files(tmp_path: Path) -> None:
    written(tmp_path, {"a": "{ a }"}, "web.json")
    written(tmp_path, {"b": "{ b }", "a": "{ a }"}, "phone.json")
    other = written(tmp_path, {"c": "{ c }"}, "more.txt")
    documents = TrustedDocuments([str(tmp_path), str(other)])
    assert [documents.text(each) for each in "abcd"] == ["{ a }", "{ b }", "{ c }", None]


def test_a_changed_file_is_read_anew_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    file = written(tmp_path, {"a": "{ a }"})
    documents = TrustedDocuments([str(tmp_path)], clock)
    written(tmp_path, {"bb": "{ bb }"})
    assert documents.text("bb") is None, "not looked at yet"
    clock.now = 1.0
    assert (documents.text("bb"), documents.text("a")) == ("{ bb }", None)
    assert documents.knows("{ bb }")
    for broken in ("{", '{"a": 1}', "{}"):
        file.write_text(broken, encoding="utf-8")
        clock.now += 1
        with capture_logs() as logs:
            assert documents.text("bb") == "{ bb }"
        assert [entry["log_level"] for entry in logs] == ["error"]
    file.unlink()
    clock.now += 1
    assert documents.text("bb") == "{ bb }"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as JSON"),
        ('"x"', "no list of documents"),
        ('{"a": {"query": "{ a }"}}', "no list of documents"),
        ('{"": "{ a }"}', "no list of documents"),
        (json.dumps({"format": APOLLO, "version": 2, "operations": []}), "no list of documents"),
        (json.dumps({"format": APOLLO, "version": 1, "operations": [1]}), "no list of documents"),
        ("{}", "there is no document"),
    ],
)
def test_a_file_that_is_no_manifest_stops_the_start(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "documents.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        TrustedDocuments([str(file)])


def test_a_file_that_is_not_there_and_ids_that_clash(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        TrustedDocuments([str(tmp_path / "gone.json")])
    written(tmp_path, {"a": "{ a }"}, "1.json")
    written(tmp_path, {"a": "{ b }"}, "2.json")
    with pytest.raises(ConfigurationError, match="another document of the id 'a'"):
        TrustedDocuments([str(tmp_path)])
