"""The command line: parse, delegate, and turn a failure into one sentence and an exit code.

Every option is a setting (see `app.settings`) and says so in its help. Exit codes: 0 for work done or ended
by a signal, 1 for a failure, 2 for settings or arguments that cannot work. Each command imports what it runs
only when it runs, so that `tideline --help` answers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, NoReturn

from app.errors import ConfigurationError, TidelineError
from app.settings import DevSettings, Settings, is_secret

Service = Callable[[Settings], Coroutine[Any, Any, None]]

# What every process reads; `serve` offers all but the worker's own.
SHARED = ("database_url", "database_pool", "namespaces", "log_format", "log_level", "shutdown_grace")
INDEXING = (*SHARED, "bus_url", "default_tenant", "default_environment", "temporal_timeout", "idempotency_days")
WORKERS_OWN = (
    "queues", "connections", "outbound_networks", "demo", "worker_metrics", "deployment", "build_id", "versioning"
)  # fmt: skip
WORKING = (*SHARED, "bus_url", "temporal_timeout", *WORKERS_OWN)
MIGRATING = ("database_url", "migration_url", "namespaces", "log_format", "log_level", "temporal_timeout")
SERVING = tuple(each.name for each in fields(Settings) if each.name not in (*WORKERS_OWN, "migration_url"))
LISTENING = ("host", "port")
EXIT_MARGIN = 1.5
"""Seconds beyond the grace for a service to clean up, and as many again for the interpreter to leave."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. A failure becomes one line on standard error."""
    try:
        arguments = _parser().parse_args(argv)
        arguments.run(arguments)
    except TidelineError as error:
        print(f"tideline: {' '.join(error.message.split())}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of a pipe such as `| head` has gone: leave quietly, and let the flush at exit succeed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return 0


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are sentences of ours."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}. Try `{self.prog} --help`.")


class OnCommandLine(argparse.Action):
    """An option that exists to say where its value belongs."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        parser.error(
            f"{self.option_strings[0]} is a secret, and a command line can be read by everybody on the machine:"
            f" set the variable {self.metavar}"
        )


class Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - only this option needs it

        print(f"tideline {version('tideline')}")
        parser.exit()


def _parser() -> Parser:
    parser = Parser(prog="tideline", description="The GraphQL gateway for Temporal, with live subscriptions.")
    parser.add_argument("--version", action=Version, nargs=0, help="print the version and leave")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], meaning: str) -> Parser:
        sub = commands.add_parser(name, help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}.")
        sub.set_defaults(run=run)
        return sub

    dev = command("dev", _dev, "run everything on this machine, with an embedded Postgres and Temporal")
    _add_options(dev, Settings, LISTENING)
    _add_options(dev, DevSettings)
    _add_options(command("serve", _serve, "serve the gateway"), Settings, SERVING)
    _add_options(command("index", _index, "index executions from Temporal into Postgres"), Settings, INDEXING)
    _add_options(command("worker", _worker, "host the catalog's workflows"), Settings, WORKING)
    _add_options(command("migrate", _migrate, "bring the database up to date"), Settings, MIGRATING)
    key = command("key", _key, "make an API key and print it, once")
    _add_options(key, Settings, ("database_url", "log_format", "log_level"))
    key.add_argument("--name", required=True, help="what it is for")
    key.add_argument("--roles", required=True, help="viewer, operator, starter, admin, platform, by commas")
    key.add_argument("--tenant", help="the tenant that it sees; only a platform sees all")
    key.add_argument("--environment", help="the environment that it sees; else all")
    command("schema", _schema, "print the GraphQL schema")
    inspect = command("inspect", _inspect, "show what a history file tells")
    inspect.add_argument("file", type=Path, metavar="FILE", help="history as JSON, as `temporal` exports it")
    inspect.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _add_options(parser: Parser, settings: type, names: Iterable[str] | None = None) -> None:
    """Offer the fields of `settings` that `names` lists, or all of them, as options. Secrets are for the environment
    alone, and are only named."""
    secrets = parser.add_argument_group("secrets, which only their variables can hold")
    for each in fields(settings):
        if names is not None and each.name not in names:
            continue
        option, meaning = f"--{each.name.replace('_', '-')}", _help(each)
        if is_secret(each):
            secrets.add_argument(option, action=OnCommandLine, help=meaning, metavar=each.metadata["env"])
        elif isinstance(each.default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=None, help=meaning)
        else:
            metavar = each.name.rpartition("_")[2].upper()
            parser.add_argument(option, type=_cast(each), metavar=metavar, help=meaning)


def _help(each: Field[Any]) -> str:
    default = ",".join(each.default) if isinstance(each.default, tuple) else each.default
    shown = "no default" if default is None or default == "" else f"default {str(default).lower()}"
    return f"{each.metadata['help']} ({each.metadata['env']}; {shown})".replace("%", "%%")


def _cast(each: Field[Any]) -> Callable[[str], Any]:
    def cast(text: str) -> Any:
        try:
            return each.metadata["cast"](text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"cannot be {text!r}: {error}") from None

    return cast


def _settings(arguments: argparse.Namespace) -> Settings:
    """The settings of a command that runs for itself; its logs go out as they say."""
    from app import log  # noqa: PLC0415 - not for `--help`

    settings = Settings.load(vars(arguments))
    log.configure(settings.log_format, settings.log_level)
    return settings


def _dev(arguments: argparse.Namespace) -> None:
    from app.dev import command  # noqa: PLC0415

    command.run(Settings.load(vars(arguments)), DevSettings.load(vars(arguments)))


def _serve(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments)
    from app.web import server  # noqa: PLC0415

    server.run(settings)


def _index(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments)
    from app import indexer  # noqa: PLC0415

    run_service(indexer.run, settings)


def _worker(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments)
    from app import worker  # noqa: PLC0415

    run_service(worker.run, settings)


def _migrate(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments)
    from app import migrate  # noqa: PLC0415

    run_service(migrate.run, settings)


def _key(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments)
    from app import key  # noqa: PLC0415

    wanted = arguments.name, arguments.roles.split(","), arguments.tenant, arguments.environment
    run_service(lambda each: key.run(each, *wanted), settings)


def _schema(_: argparse.Namespace) -> None:
    from app.api import schema  # noqa: PLC0415

    print(schema.sdl().rstrip("\n"))


def _inspect(arguments: argparse.Namespace) -> None:
    import shutil  # noqa: PLC0415

    from app import inspect  # noqa: PLC0415

    projection = inspect.read(arguments.file)
    if arguments.json:
        text = inspect.render_json(projection)
    else:
        text = inspect.render_table(projection, shutil.get_terminal_size().columns)
    print(text.rstrip("\n"))


def run_service(service: Service, settings: Settings) -> None:
    """Run `service` until it returns, raises, or SIGTERM or SIGINT cancels it.

    Cancelled, it has `shutdown_grace` seconds to end. A process that hangs beyond that, or while the
    interpreter leaves, is ended by the kernel's alarm.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_until_signal(service(settings), settings.shutdown_grace))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - where there is one
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


async def _until_signal(service: Coroutine[Any, Any, None], grace: float) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    work, stopped = asyncio.ensure_future(service), asyncio.ensure_future(stop.wait())
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    signal.setitimer(signal.ITIMER_REAL, grace + 2 * EXIT_MARGIN)
    if not work.done():
        work.cancel()
        await asyncio.wait({work}, timeout=grace + EXIT_MARGIN)
    stopped.cancel()
    if stop.is_set() or work.exception() is not None:
        # A call to Temporal that was just cancelled can hang the interpreter when the loop ends at once.
        await asyncio.sleep(0.5)
    if not work.done():
        print(f"tideline: the work did not end within {grace:g} seconds.", file=sys.stderr)
        os._exit(1)
    if not work.cancelled():
        work.result()
