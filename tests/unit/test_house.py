"""The house: which room may import which, and what each keeps to itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"

_ROOMS_BY_TIER = (
    ("errors", "workflows"),
    ("settings", "model", "log", "metrics", "cursors"),
    ("alerting", "cluster", "profile", "protos", "registry"),
    ("history", "progress", "access", "bounds", "limits", "temporal", "store", "bus"),
    ("budgets", "indexer", "hub"),
    ("gateway",),
    ("api",),
    ("web", "worker", "migrate", "inspect", "key", "dev"),
    ("cli",),
    ("__main__",),
)
TIERS = {room: tier for tier, rooms in enumerate(_ROOMS_BY_TIER) for room in rooms}
_GATEWAYS_ROOMS_BY_TIER = (
    ("caller", "health", "names", "naming", "quotas", "seeing"),
    ("reading",),
    ("watching", "acting"),
    ("starting", "batches"),
    ("schedules", "hosted"),
    ("tenancy",),
    ("gateway",),
)
GATEWAYS_TIERS = {room: tier for tier, rooms in enumerate(_GATEWAYS_ROOMS_BY_TIER) for room in rooms}
FILES = sorted(APP.rglob("*.py"))
SQL = re.compile(
    r"\b(select\s.+\sfrom|insert\s+into|update\s+\w+\s+set|delete\s+from|create\s+(table|index|schema))\b", re.I | re.S
)


def room_of(path: Path) -> str:
    return path.relative_to(APP).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module that the file imports, wherever it does."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            if node.module == "app":
                yield from (f"app.{alias.name}" for alias in node.names)
            else:
                yield node.module


def texts(path: Path) -> Iterator[str]:
    """The string constants that are no docstrings, and the constant parts of formatted ones."""
    tree = parsed(path)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_room_has_a_tier() -> None:
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms == set(TIERS)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_arrows_point_down(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for module in imports(path):
        if module.startswith("app."):
            other = module.split(".")[1]
            assert other == room or TIERS[other] < TIERS[room], f"{named(path)} must not import {module}"


@pytest.mark.parametrize("path", sorted((APP / "gateway").rglob("*.py")), ids=named)
def test_arrows_point_down_between_the_gateways_rooms(path: Path) -> None:
    room = path.relative_to(APP / "gateway").parts[0].removesuffix(".py")
    if room == "__init__":
        return
    for module in imports(path):
        if module.startswith("app.gateway."):
            other = module.split(".")[2]
            is_below = GATEWAYS_TIERS[other] < GATEWAYS_TIERS[room]
            assert other == room or is_below, f"{named(path)} must not import {module}"


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("strawberry", {"api"}),
        ("graphql", {"api"}),
        ("temporalio.client", {"worker", "workflows", "inspect"}),
        ("temporalio.service", {"temporal", "worker"}),
        ("databases", {"store"}),
        ("asyncpg", {"store", "workflows", "worker", "dev"}),
        ("broadcaster", {"bus"}),
        ("starlette", {"web", "settings", "worker", "access"}),
        ("jwt", {"access"}),
        ("uvicorn", {"web"}),
    ],
)
def test_a_library_has_one_home(library: str, rooms: set[str]) -> None:
    importers = {
        room_of(path)
        for path in FILES
        if any(module == library or module.startswith(f"{library}.") for module in imports(path))
    }
    assert importers <= rooms
    assert importers


def test_only_settings_reads_the_environment() -> None:
    readers = {named(path) for path in FILES if _reads_environment(parsed(path))}
    assert readers == {"app/settings/reading.py"}


def _reads_environment(tree: ast.Module) -> bool:
    # Setting one variable, for a program that takes this process over, is not reading.
    written = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    }
    return any(
        isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"} and id(node) not in written
        for node in ast.walk(tree)
    )


def test_sql_of_our_database_is_written_in_store() -> None:
    # The catalog's activities speak to the systems of their users, and `dev` creates the database itself.
    writers = {named(path) for path in FILES for text in texts(path) if SQL.search(text)}
    assert {Path(each).parts[1] for each in writers} <= {"store", "workflows"}
    assert writers


def test_workflow_packages_stay_empty_for_the_sandbox() -> None:
    for path in (APP / "__init__.py", APP / "workflows" / "__init__.py"):
        assert path.read_text(encoding="utf-8") == "", f"{named(path)} is executed again for every run"


def test_workflows_know_nothing_of_the_house() -> None:
    for path in (APP / "workflows").rglob("*.py"):
        for module in imports(path):
            assert not module.startswith("app.") or module.startswith("app.workflows"), f"{named(path)}: {module}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == "" or ast.get_docstring(parsed(path))


def test_schema_is_what_the_code_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "app", "schema"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == printed.stdout
