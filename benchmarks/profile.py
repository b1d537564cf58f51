"""Where the time of an operation goes: `python -m benchmarks.profile` rewrites its table in README.md.

Each operation is measured twice: its CPU time without a profiler, and under cProfile the share of each part of the
program. The profiler makes calls dearer than they are, so that shares of parts with many small calls are too high.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import os
import pstats
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import uvloop
from starlette.types import ASGIApp, Message

from app import log
from app.access import Gatekeeper
from app.api.engine import Engine
from app.settings import Settings
from app.web.app import PATH, build
from app.web.parts import Parts
from benchmarks import runs
from benchmarks.table import Row, machine, versions, write

TIMES, ROUNDS = 50, 4
OPERATIONS = {
    **{name: query for name, query in runs.QUESTIONS.items() if "10,000" not in name},
    "one run": f'{{ workflow(workflowId: "order-7") {{ {runs.FLAT} result phases {{ name status }} }} }}',
}
PARTS = {
    "HTTP, log, metrics": ("app/web", "starlette/", "structlog/", "app/log", "prometheus_client", "app/access"),
    "statements": ("asyncpg", "databases/", "app/store", "app/gateway/reading/listing"),
    "archive": ("zlib", "Decoder", "app/store/archive", "app/store/remembered"),
    "resolvers, ids, cursors": ("app/api/types", "app/api/node", "app/model", "base64.py", "app/api/", "app/gateway"),
    "compiled selections": ("<selection>", "app/api/compiled"),
    "GraphQL, field by field": ("graphql/", "strawberry/"),
    "encoding": ("orjson",),
}
"""A part is the first whose longest pattern is in a function's place."""
REST = "event loop and the rest"


def part_of(place: str) -> str:
    found = [(len(pattern), name) for name, patterns in PARTS.items() for pattern in patterns if pattern in place]
    return max(found)[1] if found else REST


def shares_of(statistics: Any) -> Counter[str]:
    """Seconds of each part; what is built in counts for those that call it."""
    shares: Counter[str] = Counter()
    for (file, _, function), (_, _, own, _, callers) in statistics.stats.items():
        if file != "~" or part_of(function) != REST or not callers:
            shares[part_of(f"{file} {function}")] += own
            continue
        for (caller, _, name), (_, _, spent, _) in callers.items():
            shares[part_of(f"{caller} {name}")] += spent
    return shares


async def asked(app: ASGIApp, body: bytes) -> bytes:
    """The body of the answer to a POST, without sockets."""
    sent = bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.extend(message.get("body", b""))

    headers = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(body))}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return bytes(sent)


async def measured(engine: Engine, name: str, query: str) -> Row:
    gatekeeper = Gatekeeper(default_tenant="default", default_environment="default")
    body = orjson.dumps({"query": query})
    app = build(Settings(auth="open"), Parts(engine, gatekeeper))

    async def turn() -> None:
        for _ in range(TIMES):
            answer = await asked(app, body)
        assert b'"errors"' not in answer, answer[:500]

    await turn()
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        await turn()
        spent.append((time.process_time() - began) * 1000 / TIMES)
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    await turn()
    profiler.disable()
    shares = shares_of(pstats.Stats(profiler))
    total = sum(shares.values())
    figures = [f"{100 * shares[part] / total:.0f} %" for part in (*PARTS, REST)]
    largest = shares.most_common(1)[0][0]
    return Row(name, (f"{min(spent):.2f}", *figures, largest))


async def main(folder: Path) -> None:
    async with runs.engine_over(folder) as engine:
        gc.collect()
        gc.freeze()
        rows = [await measured(engine, name, query) for name, query in OPERATIONS.items()]
    conditions = [
        f"Machine: {machine()}.",
        f"Versions: {versions('strawberry-graphql', 'graphql-core', 'asyncpg')}.",
        f"CPU: least of {ROUNDS} rounds of {TIMES}, from the request to the response, as ASGI has them; sockets and"
        " uvicorn come on top, see peers.",
    ]
    write("profile", ("operation", "CPU ms", *PARTS, REST, "next bottleneck"), rows, conditions)


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as temporary, Path(os.devnull).open("w") as nowhere:
        sys.stderr = nowhere  # where each request has its line, as in production
        log.configure("json", "info")
        uvloop.run(main(Path(temporary)))
