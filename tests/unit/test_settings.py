"""Settings: read once, cast, and a clear sentence for what cannot be read."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.errors import ConfigurationError
from app.settings import DevSettings, Settings, environment_of_child, temporal_connection


def test_nothing_set_is_the_defaults() -> None:
    assert Settings.load(environ={}) == Settings()
    assert DevSettings.load(environ={}) == DevSettings()


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("PORT", "0", "port", 0),
        ("WEB_CONCURRENCY", "4", "workers", 4),
        ("TIDELINE_NAMESPACES", "a, b,,c ", "namespaces", ("a", "b", "c")),
        ("TIDELINE_TEMPORAL_TIMEOUT", "0.5", "temporal_timeout", 0.5),
        ("TIDELINE_LOG_FORMAT", "console", "log_format", "console"),
        ("TIDELINE_DEMO", "Yes", "demo", True),
        ("TIDELINE_DEMO", "off", "demo", False),
        ("TIDELINE_COMPILED", "off", "compiled", False),
        ("HOST", "", "host", "127.0.0.1"),
    ],
)
def test_variable_becomes_a_value(variable: str, text: str, name: str, value: Any) -> None:
    assert getattr(Settings.load(environ={variable: text}), name) == value


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("PORT", "http", "expected a whole number"),
        ("PORT", "65536", "expected a number from 0 to 65535"),
        ("PORT", "-1", "expected a number from 0 to 65535"),
        ("WEB_CONCURRENCY", "0", "expected a number above 0"),
        ("TIDELINE_MAX_BODY", "1.5", "expected a whole number"),
        ("TIDELINE_REQUEST_TIMEOUT", "soon", "expected a number"),
        ("TIDELINE_REQUEST_TIMEOUT", "nan", "expected a number above 0"),
        ("TIDELINE_LOG_LEVEL", "loud", "expected one of debug, info, warning, error"),
        ("TIDELINE_DEMO", "maybe", "expected true or false"),
    ],
)
def test_variable_that_cannot_be_read_is_a_sentence(variable: str, text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(environ={variable: text})
    assert caught.value.message == f"{variable} cannot be {text!r}: {reason}."


def test_option_wins_over_its_variable_and_none_is_no_option() -> None:
    environ = {"PORT": "1", "HOST": "::1"}
    settings = Settings.load({"port": 2, "host": None, "file": "of another command"}, environ)
    assert (settings.port, settings.host) == (2, "::1")


def test_false_is_an_option() -> None:
    assert DevSettings.load({"worker": False}, {"TIDELINE_WORKER": "true"}).worker is False


def test_dev_settings_are_read_from_the_environment() -> None:
    dev = DevSettings.load(environ={"TIDELINE_DATA_DIR": "/srv/data", "TIDELINE_WORKER": "no"})
    assert dev == DevSettings(data_dir=Path("/srv/data"), worker=False)


def test_secrets_do_not_print() -> None:
    secrets = {
        "DATABASE_URL": "postgresql://u:opensesame@h/d",
        "TIDELINE_BUS_URL": "redis://:opensesame@h",
        "TIDELINE_CONNECTIONS": "shop=postgresql://u:opensesame@h/d",
        "TIDELINE_JWKS_URL": "https://u:opensesame@h/keys",
        "TIDELINE_JWT_SECRET": "opensesame",
        "TIDELINE_TOKEN_SECRET": "opensesame",
        "TIDELINE_CODEC_AUTHORIZATION": "Bearer opensesame",
    }
    settings = Settings.load(environ=secrets)
    assert str(settings.database_url) == secrets["DATABASE_URL"]
    assert "opensesame" not in repr(settings)


def test_every_setting_has_a_variable_of_its_own() -> None:
    variables = [each.metadata["env"] for kind in (Settings, DevSettings) for each in fields(kind)]
    assert len(variables) == len(set(variables))


def test_temporal_is_found_as_its_own_tools_find_it(tmp_path: Path) -> None:
    profiles = tmp_path / "temporal.toml"
    profiles.write_text('[profile.default]\naddress = "from-file:7233"\nnamespace = "shop"\n')
    environ = {"TEMPORAL_CONFIG_FILE": str(profiles), "TEMPORAL_ADDRESS": "from-variable:7233"}
    connection = temporal_connection(environ)
    assert connection.get("target_host") == "from-variable:7233"
    assert connection.get("namespace") == "shop"


def test_temporal_configuration_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    profiles = tmp_path / "temporal.toml"
    profiles.write_text("[profile")
    with pytest.raises(ConfigurationError, match=r"^Temporal's configuration cannot be read: "):
        temporal_connection({"TEMPORAL_CONFIG_FILE": str(profiles)})


def test_child_gets_our_environment_with_changes() -> None:
    environment = environment_of_child({"PATH": "changed", "DATABASE_URL": "new"})
    assert environment == {**os.environ, "PATH": "changed", "DATABASE_URL": "new"}
