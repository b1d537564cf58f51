"""One connection to Temporal for the process, and one seam where its errors become ours."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from google.protobuf.message import Message
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import (
    ConnectConfig,
    GrpcCompression,
    RetryConfig,
    RPCError,
    ServiceClient,
)

from app import metrics
from app.errors import ConfigurationError, DeadlineExceeded, NotFound, TidelineError
from app.log import logger
from app.temporal.payloads import Payloads
from app.temporal.statuses import NotSupported, error_of, sentence, unreachable

__all__ = ["NotSupported", "Temporal", "Tenancy", "error_of", "sentence", "unreachable"]

DEFAULT_ADDRESS = "localhost:7233"
DEFAULT_NAMESPACE = "default"
TENANT_ATTRIBUTES = frozenset({"TenantId", "EnvironmentId"})
_ASKED_AGAIN_AFTER = 60.0
_RETRIED_FOR_MS = 1500
"""How long a call that finds no server is tried again before its caller hears of it."""
_REREAD_AFTER = 30.0
"""Seconds after which a call finds out whether certificates or the key have changed."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Whose a run is that does not say so itself."""

    tenant: str = "default"
    environment: str = "default"


class Temporal:
    """The namespaces that we serve, over one lazily made connection that heals by itself.

    `reread` gives the configuration anew, certificates included: where they have changed, later calls take another
    connection, and those under way end on theirs.
    """

    def __init__(
        self,
        config: ClientConnectConfig,
        namespaces: Sequence[str] = (),
        *,
        timeout: float = 5.0,
        tenancy: Tenancy | None = None,
        identity: str = "tideline",
        payloads: Payloads | None = None,
        reread: Callable[[], ClientConnectConfig] | None = None,
    ) -> None:
        self.payloads = payloads or Payloads()
        self.address = config.get("target_host", DEFAULT_ADDRESS)
        self.namespaces = tuple(namespaces) or (config.get("namespace", DEFAULT_NAMESPACE),)
        self.timeout = timeout
        self.tenancy = tenancy or Tenancy()
        self.identity = identity
        self._config = ConnectConfig(
            target_host=self.address,
            api_key=config.get("api_key"),
            tls=config.get("tls"),
            rpc_metadata=config.get("rpc_metadata", {}),
            identity=identity,
            lazy=True,
            retry_config=RetryConfig(max_elapsed_time_millis=_RETRIED_FOR_MS),
            grpc_compression=GrpcCompression.NONE,
            connect_timeout=timedelta(seconds=timeout),
        )
        self._has_tenant_attributes = False
        self._asked_at = -math.inf
        self._reread = reread
        self.reread_after = _REREAD_AFTER
        self._read_at = time.monotonic()
        self._service: ServiceClient | None = None
        self._connecting = asyncio.Lock()

    @property
    def default_namespace(self) -> str:
        return self.namespaces[0]

    async def service(self) -> ServiceClient:
        if self._service is None or self._is_due:
            async with self._connecting:
                if self._is_due and await self._has_changed():
                    self._service = None
                if self._service is None:
                    self._service = await ServiceClient.connect(self._config)
        return self._service

    @property
    def _is_due(self) -> bool:
        return self._reread is not None and time.monotonic() - self._read_at >= self.reread_after

    async def _has_changed(self) -> bool:
        """Read the configuration anew; what cannot be read right now leaves all as it is."""
        assert self._reread is not None
        self._read_at = time.monotonic()
        try:
            config = await asyncio.to_thread(self._reread)
        except ConfigurationError as error:
            log.warning("temporal's configuration cannot be read anew", reason=error.message)
            return False
        tls, api_key = config.get("tls"), config.get("api_key")
        if (tls, api_key) == (self._config.tls, self._config.api_key):
            return False
        self._config = replace(self._config, tls=tls, api_key=api_key)
        log.info("temporal is connected to anew: its certificates or key have changed", address=self.address)
        return True

    async def call(self, rpc: str, request: Message, *, timeout: float | None = None, retry: bool = True) -> Any:
        """Send one request of the workflow service.

        `timeout` is in seconds. `retry` is off for long polls, whose caller decides how soon to ask again. Raises
        TemporalUnavailable, DeadlineExceeded, NotFound, BadUserInput, Conflict, NotSupported or RateLimited.
        """
        service = (await self.service()).workflow_service
        return await self._send(getattr(service, rpc), rpc, request, timeout or self.timeout, retry)

    async def operate(self, rpc: str, request: Message, *, timeout: float | None = None) -> Any:
        """Send one request of the operator service; raises as `call` does."""
        service = (await self.service()).operator_service
        return await self._send(getattr(service, rpc), rpc, request, timeout or self.timeout, True)

    async def _send(self, method: Any, rpc: str, request: Message, timeout: float, retry: bool) -> Any:
        started = time.perf_counter()
        outcome = "OK"
        try:
            # The second deadline holds where the first cannot: while the connection itself is being made.
            async with asyncio.timeout(timeout + 1):
                return await method(request, retry=retry, timeout=timedelta(seconds=timeout))
        except RPCError as error:
            outcome = error.status.name
            raise error_of(error, rpc, self.address) from error
        except TimeoutError as error:
            outcome = "TIMEOUT"
            raise DeadlineExceeded(f"Temporal at {self.address} did not answer {rpc} in {timeout:g} s.") from error
        except RuntimeError as error:
            outcome = "UNREACHABLE"
            raise unreachable(self.address) from error
        finally:
            metrics.TEMPORAL_CALLS.labels(rpc, outcome).observe(time.perf_counter() - started)

    async def check(self) -> None:
        """One cheap question for the health check. Raises as `call` does."""
        await self.call("describe_namespace", DescribeNamespaceRequest(namespace=self.default_namespace), retry=False)

    async def verify_namespaces(self) -> None:
        """Raise ConfigurationError for a namespace that does not exist; a server that is away proves nothing."""
        for namespace in self.namespaces:
            try:
                await self.call("describe_namespace", DescribeNamespaceRequest(namespace=namespace))
            except NotFound:
                raise ConfigurationError(
                    f"Temporal at {self.address} has no namespace {namespace!r}. Create it, or name another in"
                    " TEMPORAL_NAMESPACE or TIDELINE_NAMESPACES."
                ) from None
            except TidelineError as error:
                log.warning("temporal is not there yet", address=self.address, reason=error.message)
                return

    async def has_tenant_attributes(self) -> bool:
        """Whether runs can carry TenantId and EnvironmentId as search attributes in every namespace.

        A start that sets an attribute that is not there would be refused. Once they are there they stay; until
        then it is asked again every minute.
        """
        if not self._has_tenant_attributes and time.monotonic() - self._asked_at > _ASKED_AGAIN_AFTER:
            found = [
                await self.operate("list_search_attributes", ListSearchAttributesRequest(namespace=namespace))
                for namespace in self.namespaces
            ]
            self._has_tenant_attributes = all(set(each.custom_attributes) >= TENANT_ATTRIBUTES for each in found)
            self._asked_at = time.monotonic()
        return self._has_tenant_attributes

    async def close(self) -> None:
        """Let cancelled calls end: leaving the loop under them can hang the interpreter."""
        await self.payloads.close()
        if self._service is not None:
            self._service = None
            await asyncio.sleep(0.5)
