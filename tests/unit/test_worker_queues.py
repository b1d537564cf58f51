"""Which queues a worker polls and how much it takes, by tables of cases."""

from __future__ import annotations

import pytest
from temporalio.common import VersioningBehavior

from app.errors import ConfigurationError
from app.settings import Settings
from app.worker.queues import Limits, hosted_queues, limits_of
from app.worker.telemetry import runtime_of
from app.worker.versions import deployment_of


@pytest.mark.parametrize(
    ("wanted", "limits"),
    [
        ([], {}),
        (["price-sync"], {"price-sync": Limits()}),
        (["price-sync:activities=20:rate=2.5"], {"price-sync": Limits(activities=20, rate=2.5)}),
        (["a:workflows=2:pollers=1:cached=1:queue_rate=0.1"],
         {"a": Limits(workflows=2, pollers=1, cached=1, queue_rate=0.1)}),
        (["a:activities=1", "*:activities=9"], {"a": Limits(activities=1), "*": Limits(activities=9)}),
    ],
)  # fmt: skip
def test_limits_are_read(wanted: list[str], limits: dict[str, Limits]) -> None:
    assert limits_of(wanted) == limits


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([":activities=1"], "names no queue"),
        (["a", "a:rate=1"], "names a twice"),
        (["a:speed=1"], r"'speed' of 'a:speed=1' is no limit. There are: activities, workflows, rate"),
        (["a:activities"], "activities of 'a:activities' must be a whole number from 1"),
        (["a:activities=0"], "must be a whole number from 1"),
        (["a:activities=1.5"], "must be a whole number from 1"),
        (["a:workflows=1"], "must be a whole number from 2"),
        (["a:rate=0"], "must be a number above 0"),
        (["a:rate=nan"], "must be a number above 0"),
        (["a:rate=inf"], "must be a number above 0"),
    ],
)
def test_what_cannot_be_read_is_named(wanted: list[str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        limits_of(wanted)


def test_others_are_hosted_with_a_star_only() -> None:
    everything = set(hosted_queues())
    assert set(hosted_queues(["price-sync"])) == {"price-sync"}
    assert set(hosted_queues(["price-sync", "*"])) == everything
    assert everything >= {"price-sync", "test-cycle"}


def test_a_build_has_a_name_before_it_is_versioned() -> None:
    assert deployment_of(Settings()) is None
    with pytest.raises(ConfigurationError, match="set TIDELINE_BUILD_ID"):
        deployment_of(Settings(versioning="pinned"))


@pytest.mark.parametrize(
    ("versioning", "is_versioned", "behaviour"),
    [
        ("off", False, VersioningBehavior.UNSPECIFIED),
        ("auto-upgrade", True, VersioningBehavior.AUTO_UPGRADE),
        ("pinned", True, VersioningBehavior.PINNED),
    ],
)
def test_a_build_is_versioned_as_set(versioning: str, is_versioned: bool, behaviour: VersioningBehavior) -> None:
    found = deployment_of(Settings(versioning=versioning, build_id="b7", deployment="billing"))
    assert found is not None
    assert found.version.to_canonical_string() == "billing.b7"
    assert (found.use_worker_versioning, found.default_versioning_behavior) == (is_versioned, behaviour)


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:99999"])
def test_an_address_that_cannot_be_used_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=f"TIDELINE_WORKER_METRICS cannot be '{address}'"):
        runtime_of(address)
    assert runtime_of("") is None
