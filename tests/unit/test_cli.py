"""The command line: its help is the configuration reference, its failures are one line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.settings import DevSettings, Settings, is_secret

ROOT = Path(__file__).parents[2]
COMMANDS = ("dev", "serve", "index", "worker", "migrate", "key", "schema", "inspect")
HISTORY = ROOT / "tests" / "histories" / "sync.json"


def help_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `--help` says, with its lines joined."""
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--help"])
    assert caught.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(capsys)
    assert all(re.search(rf" {command} [a-z]", text) for command in COMMANDS)


def test_help_of_the_commands_is_the_reference_of_all_settings(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(help_of(capsys, command) for command in COMMANDS)
    for each in [*fields(Settings), *fields(DevSettings)]:
        assert f"--{each.name.replace('_', '-')}" in text
        assert f"({each.metadata['env']}; " in text
    assert "(PORT; default 8000)" in text
    assert "(DATABASE_URL; no default)" in text


def test_help_shows_no_value_of_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:opensesame@h/d")
    assert "opensesame" not in help_of(capsys, "serve")


def test_help_needs_no_heavy_library() -> None:
    code = "import sys, app.cli; print([m for m in ('temporalio', 'strawberry', 'uvicorn') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.parametrize("each", [each for each in fields(Settings) if is_secret(each)], ids=lambda each: each.name)
def test_a_secret_is_not_taken_from_the_command_line(each: Field[Any], capsys: pytest.CaptureFixture[str]) -> None:
    command = {"connections": "worker", "migration_url": "migrate"}.get(each.name, "serve")
    assert main([command, f"--{each.name.replace('_', '-')}", "opensesame"]) == 2
    said = capsys.readouterr().err
    assert f"set the variable {each.metadata['env']}" in said
    assert "opensesame" not in said


def test_serve_says_what_is_missing_to_let_somebody_in(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in fields(Settings):
        monkeypatch.delenv(each.metadata["env"], raising=False)
    monkeypatch.setenv("PORT", "0")
    for environment, words in (
        ({}, "Nothing says who may come in"),
        ({"TIDELINE_AUTH": "open", "TIDELINE_JWT_SECRET": "x" * 40}, "TIDELINE_AUTH is open, but"),
        ({"TIDELINE_JWKS_URL": "https://issuer.test/keys"}, "needs TIDELINE_JWT_ISSUER and TIDELINE_JWT_AUDIENCE"),
        ({"TIDELINE_AUTH": "required", "TIDELINE_POLICY": "/nowhere.toml"}, "/nowhere.toml (TIDELINE_POLICY)"),
        ({"TIDELINE_AUTH": "required", "TIDELINE_JWT_ROLE_NAMES": "boss=king"}, "expected NAME=ROLE"),
    ):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            assert main(["serve"]) == 2
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith("tideline: ")
        assert words in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert re.fullmatch(r"tideline \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["sail"], "'sail'"),
        (["serve", "--port", "high"], "--port: cannot be 'high': expected a whole number"),
        (["serve", "--queues", "q"], "--queues"),
        (["dev", "--temporal-port", "70000"], "cannot be '70000': expected a number from 0 to 65535"),
        (["inspect", "missing.json"], "missing.json cannot be read"),
        (["inspect", str(ROOT / "Makefile")], "is not JSON"),
    ],
)
def test_failure_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tideline: ")
    assert err.count("\n") == 1
    assert words in err


def test_bad_variable_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "high")
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == "tideline: PORT cannot be 'high': expected a whole number.\n"


def test_schema_ends_with_one_newline(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = capsys.readouterr().out
    assert "\ntype Query {\n" in schema
    assert schema.endswith("}\n")
    assert not schema.endswith("\n\n")


def test_inspect_reads_a_history(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(HISTORY)]) == 0
    assert "ACTIVITY" in capsys.readouterr().out
    assert main(["inspect", "--json", str(HISTORY)]) == 0
    assert capsys.readouterr().out.startswith("{")


def test_reader_that_leaves_early_is_no_traceback() -> None:
    command = f"{sys.executable} -m app inspect --json {HISTORY} | head -c 1"
    run = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("{", "")


def start_service(body: str, grace: str = "5") -> subprocess.Popen[str]:
    """A process in which `run_service` runs the coroutine function `service` of `body`, once it has said up."""
    code = (
        "import asyncio, sys, time\n"
        "from app import cli\n"
        "from app.errors import ConfigurationError\n"
        f"{body}\n"
        "cli._serve = lambda arguments: cli.run_service(service, cli._settings(arguments))\n"
        f"sys.exit(cli.main(['serve', '--shutdown-grace', '{grace}']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signal_cancels_a_service_and_lets_it_clean_up(signum: signal.Signals) -> None:
    process = start_service("""
async def service(settings):
    print("up")
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print("cleaned up")
""")
    process.send_signal(signum)
    assert process.communicate(timeout=10) == ("cleaned up\n", "")
    assert process.returncode == 0


def test_service_that_will_not_end_is_ended() -> None:
    process = start_service(
        """
async def service(settings):
    print("up")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
""",
        grace="0.2",
    )
    process.terminate()
    out, err = process.communicate(timeout=10)
    assert (out, err) == ("", "tideline: the work did not end within 0.2 seconds.\n")
    assert process.returncode == 1


def test_service_that_blocks_the_loop_after_its_signal_is_ended_by_the_kernel() -> None:
    process = start_service(
        """
async def service(settings):
    print("up")
    try:
        await asyncio.Event().wait()
    finally:
        time.sleep(60)
""",
        grace="0.2",
    )
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGALRM


def test_service_that_fails_is_one_line() -> None:
    process = start_service("""
async def service(settings):
    print("up")
    raise ConfigurationError("The moon is not\\n set.")
""")
    assert process.communicate(timeout=10) == ("", "tideline: The moon is not set.\n")
    assert process.returncode == 2
