"""What a codec hides: shown where a codec server decodes it, and as it is where none does."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from app.errors import ConfigurationError
from app.model import ExecutionRef, Payload
from app.store import Archive
from app.temporal.codec import CodecUnavailable, RemoteCodec, Undecodable
from app.temporal.payloads import Payloads
from tests.conftest import TemporalServer
from tests.integration.codec_server import AUTHORIZATION, ENCODING, CodecServer, Encrypting, codec_server
from tests.integration.gateways import Host, hosted
from tests.integration.indexing import World, is_there, register, world_of
from tests.waiting import eventually


@activity.defn
async def whisper(word: str) -> str:
    activity.heartbeat({"percent": 40, "step": "whispering"})
    return word[::-1]


@activity.defn
async def blurt(word: str) -> str:
    raise ApplicationError(f"said {word}", {"word": word}, type="Indiscretion", non_retryable=True)


@workflow.defn
class Secret:
    def __init__(self) -> None:
        self._told = False

    @workflow.signal
    def tell(self) -> None:
        self._told = True

    @workflow.run
    async def run(self, word: str) -> str:
        workflow.upsert_memo({"phase": {"name": "hush", "status": "started"}})
        second = timedelta(seconds=10)
        await workflow.execute_activity(whisper, word, start_to_close_timeout=second, summary="In the ear")
        workflow.upsert_memo({"progress": {"percent": 60, "step": "waiting"}})
        await workflow.wait_condition(lambda: self._told)
        retry = RetryPolicy(maximum_attempts=1)
        return await workflow.execute_activity(blurt, word, start_to_close_timeout=second, retry_policy=retry)


SHOWN = """
query ($id: String!) { workflow(workflowId: $id) {
  status summary input result memo metadata
  progress { percent step source } phases { name }
  failure { message stackTrace details cause { message type stackTrace details } }
  activities { nodes { activityType summary input result failure { message details } } }
  timeline(kinds: [ACTIVITY]) { nodes { input result summary } }
  failed: events(first: 5, types: ["ActivityTaskFailed"]) { nodes { summary } }
  events(first: 5, types: ["ActivityTaskScheduled"]) { nodes { summary attributes } }
} }
"""
HIDDEN_CONVERTER = replace(
    DataConverter.default,
    payload_codec=Encrypting(),
    failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
)


@pytest.fixture
async def codec() -> AsyncIterator[CodecServer]:
    async with codec_server() as server:
        yield server


@asynccontextmanager
async def secret_world(temporal: TemporalServer, url: str, queue: str) -> AsyncIterator[World]:
    """A namespace whose workers encrypt everything."""
    namespace = await register(temporal.client)
    client = await Client.connect(temporal.address, namespace=namespace, data_converter=HIDDEN_CONVERTER)
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[Secret],
        activities=[whisper, blurt],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with world_of(temporal.address, client, url) as world, worker:
        yield world


async def begin(world: World, queue: str) -> ExecutionRef:
    handle = await world.client.start_workflow(
        Secret.run,
        "swordfish",
        id="secret",
        task_queue=queue,
        static_summary="Between us",
        memo={"metadata": {"order": 7}, "tenant": "acme"},
    )
    return world.ref(handle)


async def finish(world: World, ref: ExecutionRef) -> None:
    handle = world.handle(ref)
    await handle.signal(Secret.tell)
    with pytest.raises(WorkflowFailureError):
        await handle.result()


def opened(codec: CodecServer) -> Payloads:
    return Payloads(RemoteCodec(codec.endpoint, AUTHORIZATION, deadline=0.5))


async def shown(host: Host) -> Any:
    return (await host.data(SHOWN, id="secret"))["workflow"]


async def test_what_a_codec_hides_is_shown(
    temporal: TemporalServer, database: str, task_queue: str, codec: CodecServer
) -> None:
    async with (
        secret_world(temporal, database, task_queue) as world,
        hosted(temporal.address, database, world.namespace, payloads=opened(codec)) as host,
    ):
        ref = await begin(world, task_queue)

        async def run() -> Any:
            return await shown(host)

        seen = await eventually(run, lambda found: found["progress"]["percent"] == 60)
        assert seen["summary"] == "Between us"
        assert seen["input"] == ["swordfish"]
        assert seen["metadata"] == {"order": 7}
        assert seen["memo"]["tenant"] == "acme"
        assert seen["progress"] == {"percent": 60, "step": "waiting", "source": "PUBLISHED"}
        assert seen["phases"] == [{"name": "hush"}]
        await finish(world, ref)
        seen = await shown(host)
        assert seen["failure"]["cause"]["message"] == "said swordfish"
        assert seen["failure"]["cause"]["type"] == "Indiscretion"
        assert "blurt" in seen["failure"]["cause"]["stackTrace"]
        assert seen["failure"]["cause"]["details"] == {"word": "swordfish"}
        whispered, blurted = seen["activities"]["nodes"]
        assert (whispered["summary"], whispered["input"], whispered["result"]) == (
            "In the ear", ["swordfish"], "hsifdrows",
        )  # fmt: skip
        assert blurted["failure"] == {"message": "said swordfish", "details": {"word": "swordfish"}}
        assert seen["timeline"]["nodes"][0] == {
            "input": ["swordfish"], "result": "hsifdrows", "summary": "In the ear",
        }  # fmt: skip
        first = seen["events"]["nodes"][0]
        assert first["attributes"]["input"] == ["swordfish"]
        assert {namespace for namespace, _ in codec.requests} == {world.namespace}


async def test_values_are_decoded_together_and_once(
    temporal: TemporalServer, database: str, task_queue: str, codec: CodecServer
) -> None:
    async with (
        secret_world(temporal, database, task_queue) as world,
        hosted(temporal.address, database, world.namespace, payloads=opened(codec)) as host,
    ):
        await finish(world, await begin(world, task_queue))
        await shown(host)
        assert 2 * len(codec.requests) <= sum(count for _, count in codec.requests)
        codec.requests.clear()
        await shown(host)
        assert codec.requests == []


async def test_without_a_codec_values_are_shown_as_they_are(
    temporal: TemporalServer, database: str, task_queue: str
) -> None:
    async with (
        secret_world(temporal, database, task_queue) as world,
        hosted(temporal.address, database, world.namespace) as host,
    ):
        await finish(world, await begin(world, task_queue))
        seen = await shown(host)
        assert seen["status"] == "FAILED"
        [value] = seen["input"]
        assert value["encoding"] == ENCODING.decode()
        assert base64.b64decode(value["data"])
        assert seen["failure"]["cause"]["message"] == "Encoded failure"


@pytest.mark.parametrize("trouble", ["stuck", "refuses", "fails"])
async def test_a_codec_server_in_trouble_fails_nothing_else(
    temporal: TemporalServer, database: str, task_queue: str, codec: CodecServer, trouble: str
) -> None:
    codec.is_stuck = trouble == "stuck"
    codec.status = {"refuses": 403, "fails": 503}.get(trouble, 200)
    async with (
        secret_world(temporal, database, task_queue) as world,
        hosted(temporal.address, database, world.namespace, payloads=opened(codec)) as host,
    ):
        await finish(world, await begin(world, task_queue))
        async with asyncio.timeout(8):
            seen = await shown(host)
        assert seen["status"] == "FAILED"
        assert len(seen["activities"]["nodes"]) == 2
        [value] = seen["input"]
        assert value["encoding"] == ENCODING.decode()
        assert "codec server" in value["error"]
        assert AUTHORIZATION not in value["error"]


async def test_the_archive_keeps_what_is_hidden_and_the_index_what_is_published(
    temporal: TemporalServer, database: str, task_queue: str, codec: CodecServer
) -> None:
    async with secret_world(temporal, database, task_queue) as world:
        payloads = opened(codec)
        async with world.indexer(payloads=payloads) as indexer:
            await world.leads(indexer)
            ref = await begin(world, task_queue)
            row = await world.shows(ref)
            assert (row.tenant, row.metadata) == ("acme", {"order": 7})
            codec.status = 503
            await finish(world, ref)
            await world.archived(ref)
            archive = Archive(world.database)
            assert await archive.projections([ref]) == {ref: None}, "to be folded again when the codec is back"
            kept = b"".join([e.SerializeToString() async for page in archive.pages(ref) for e in page])
            assert b"swordfish" not in kept
            codec.status = 200

            async def folded() -> Any:
                return (await archive.projections([ref]))[ref]

            projection = await eventually(folded, is_there, within=20)
            assert [each.name for each in projection.phases] == ["hush"]
            assert projection.summary == "Between us"
            assert projection.activities[1].failure is not None
            assert projection.activities[1].failure.message == "said swordfish"
            assert (await world.shows(ref)).failure_message == "Activity task failed"
        async with hosted(temporal.address, database, world.namespace, payloads=opened(codec)) as host:
            await host.data("{ workflows { nodes { workflowId } } }")
            seen = await shown(host)
            assert seen["input"] == ["swordfish"]
            assert seen["failure"]["cause"]["message"] == "said swordfish"
            assert seen["failed"]["nodes"] == [{"summary": "Activity blurt failed: said swordfish"}]
            assert seen["events"]["nodes"][0]["summary"] == "Activity whisper scheduled: In the ear"


def hidden(key: bytes = b"k1", text: bytes = b'"x"') -> Payload:
    made = Encrypting()._hidden(_plain(text))
    return Payload({**made.metadata, "key": key}, made.data)


def _plain(text: bytes) -> Any:
    from temporalio.api.common.v1 import Payload as Proto  # noqa: PLC0415

    return Proto(metadata={"encoding": b"json/plain"}, data=text)


async def test_one_value_that_cannot_be_decoded_does_not_spoil_the_others(codec: CodecServer) -> None:
    remote = RemoteCodec(codec.endpoint, AUTHORIZATION)
    given = [hidden(text=b"%d" % number) for number in range(20)]
    given[7] = hidden(key=b"lost")
    found = await remote.decode("default", given)
    for place, each in enumerate(found):
        if place == 7:
            assert isinstance(each, Undecodable)
        else:
            assert isinstance(each, Payload)
            assert each.data == b"%d" % place
    assert len(codec.requests) < 12
    await remote.close()


async def test_many_values_go_in_several_requests(codec: CodecServer) -> None:
    remote = RemoteCodec(codec.endpoint, AUTHORIZATION)
    found = await remote.decode("default", [hidden() for _ in range(450)])
    assert all(isinstance(each, Payload) for each in found)
    assert sorted(count for _, count in codec.requests) == [50, 200, 200]
    await remote.close()


async def test_a_server_that_does_not_answer_is_left_alone_for_a_while(codec: CodecServer) -> None:
    codec.is_stuck = True
    remote = RemoteCodec(codec.endpoint, AUTHORIZATION, deadline=0.2)
    async with asyncio.timeout(1):
        for _ in range(20):
            [error] = await remote.decode("default", [hidden()])
            assert isinstance(error, CodecUnavailable)
    await remote.close()


async def test_what_needs_no_codec_is_not_sent_to_it(codec: CodecServer) -> None:
    payloads = opened(codec)
    clear = [
        Payload({"encoding": b"json/plain"}, b"1"),
        Payload({"encoding": b"binary/plain", "messageType": b"x"}, b"\0"),
        Payload({"encoding": b"json/protobuf", "messageType": b"a.B"}, b'{"a": 1}'),
        Payload({"encoding": b"binary/null"}, b""),
    ]
    assert await payloads.values("default", clear) == [
        1,
        {"encoding": "binary/plain", "data": "AA==", "messageType": "x"},
        {"a": 1},
        None,
    ]
    assert codec.requests == []
    await payloads.close()


@pytest.mark.parametrize("endpoint", ["codec:8081", "ftp://codec", "https://"])
def test_an_endpoint_that_cannot_work_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="TIDELINE_CODEC_ENDPOINT"):
        RemoteCodec(endpoint)
