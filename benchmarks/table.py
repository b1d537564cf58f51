"""Tables of figures in benchmarks/README.md, each between two marks that name it.

A benchmark measures, makes `Row`s, and calls `write` with the name of its table; the rest of the file stays.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

README = Path(__file__).parent / "README.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was measured and its figures, one for each heading but the first."""

    name: str
    figures: tuple[str, ...]


def write(name: str, headings: Sequence[str], rows: Sequence[Row], conditions: Sequence[str]) -> None:
    """Replace the table `name`, or add it at the end."""
    lines = [
        f"<!-- {name} -->",
        *(f"- {each}" for each in conditions),
        "",
        f"| {' | '.join(headings)} |",
        f"|{'---|' * len(headings)}",
        *(f"| {' | '.join((row.name, *row.figures))} |" for row in rows),
        f"<!-- end of {name} -->",
    ]
    block = "\n".join(lines)
    text = README.read_text(encoding="utf-8")
    held = re.compile(rf"<!-- {re.escape(name)} -->.*<!-- end of {re.escape(name)} -->", re.DOTALL)
    text = held.sub(lambda _: block, text) if held.search(text) else f"{text.rstrip()}\n\n{block}\n"
    README.write_text(text, encoding="utf-8")


def machine() -> str:
    """This machine, in a line."""
    model = (
        re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text()) if platform.system() == "Linux" else None
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = model.group(1) if model else platform.processor()
    return f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def versions(*packages: str) -> str:
    """Tideline's commit, Python's version, and those of the packages."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, cwd=README.parent, check=False)
    told = [f"commit {commit.stdout.strip() or 'unknown'}", f"Python {platform.python_version()}"]
    return ", ".join([*told, *(f"{name} {version(name)}" for name in packages)])
