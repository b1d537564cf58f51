"""Tokens for a while: watch tokens that open a few runs, and tickets and sessions for event streams of browsers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from app.access import (
    Action,
    Credential,
    Grant,
    Identity,
    Kind,
    Scope,
    Sealer,
    Tag,
    Target,
    Tickets,
    Tree,
    refuse,
    until,
)
from app.errors import Refusal
from app.gateway.acting.recording import Recording
from app.gateway.caller import Caller, Refused
from app.gateway.reading.reading import Reading
from app.model import Execution

DEFAULT_SECONDS = 15 * 60.0
SESSION_SECONDS = 15 * 60.0
MAX_SIGNALS = 20


@dataclass(frozen=True, slots=True)
class WatchWanted:
    """What to open: the tree of a run, or everything with a tag."""

    workflow_id: str | None = None
    run_id: str | None = None
    namespace: str | None = None
    tag: Tag | None = None
    signals: Sequence[str] = ()
    seconds: float = DEFAULT_SECONDS


@dataclass(frozen=True, slots=True)
class Watch:
    """A watch token; nobody but its receiver may see `token`."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Watch(until {self.expires_at})"


@dataclass(frozen=True, slots=True)
class WatchOutcome:
    watch: Watch | None = None
    refusals: tuple[Refusal, ...] = ()


class Minting:
    def __init__(
        self, sealer: Sealer, tickets: Tickets, reading: Reading, recording: Recording, longest: float
    ) -> None:
        self._sealer = sealer
        self._tickets = tickets
        self._reading = reading
        self._recording = recording
        self._longest = longest

    async def watch_token(self, caller: Caller, wanted: WatchWanted, run: Execution | None = None) -> WatchOutcome:
        """A token for a run that the caller sees, or for a tag within the caller's tenant. `run` is the one that is
        wanted, where the caller has it already."""
        detail = {"tag": wanted.tag.key if wanted.tag else None, "signals": list(wanted.signals)}
        entry = self._recording.entry(caller, "createWatchToken", wanted.namespace, wanted.workflow_id, detail)
        try:
            async with self._recording.recorded(entry):
                refuse(caller.identity, Action.SHARE)
                if problems := wrong(caller.identity, wanted, self._longest):
                    raise Refused(*problems)
                if wanted.tag is not None:
                    watch = await self._for_tag(caller.identity, wanted.tag, wanted.signals, wanted.seconds)
                else:
                    found = run or await self._run(caller.identity, wanted)
                    watch = await self._for_run(caller.identity, found, wanted.signals, wanted.seconds)
        except Refused as refused:
            return WatchOutcome(refusals=refused.refusals)
        return WatchOutcome(watch)

    async def _for_run(self, identity: Identity, run: Execution, signals: Sequence[str], seconds: float) -> Watch:
        """For its tree. Raises a Refusal for a signal that the caller itself may not send."""
        refuse(identity, Action.SHARE, Target(run=run))
        for name in signals:
            refuse(identity, Action.SIGNAL, Target(run=run, signal=name))
        tree = Tree(run.namespace, run.workflow_id, await self._reading.chains.of(run), run.run_id)
        scope = Scope(run.tenant, run.environment)
        return await self._minted(identity, Grant(tree, tuple(signals)), scope, seconds)

    async def _for_tag(self, identity: Identity, tag: Tag, signals: Sequence[str], seconds: float) -> Watch:
        for name in signals:
            refuse(identity, Action.SIGNAL, Target(is_run=True, signal=name))
        scope = Scope(identity.tenant, identity.scope.environment)
        return await self._minted(identity, Grant(tag, tuple(signals)), scope, seconds)

    async def _run(self, identity: Identity, wanted: WatchWanted) -> Execution:
        workflow_id = wanted.workflow_id or ""
        run = await self._reading.execution(identity, wanted.namespace, workflow_id, wanted.run_id)
        if run is None:
            raise Refusal("NOT_FOUND", f"There is no workflow {workflow_id!r}.", path=("workflowId",))
        return run

    async def _minted(self, identity: Identity, grant: Grant, scope: Scope, seconds: float) -> Watch:
        """It may outlive the token that it was made with, which is short, but not the API key."""
        end = datetime.now(UTC) + timedelta(seconds=min(seconds, self._longest))
        holder = replace(
            identity,
            subject=f"watch:{identity.subject}",
            scope=scope,
            tenant=scope.tenant or identity.tenant,
            environment=scope.environment or identity.environment,
            grant=grant,
            credential=Credential(end, identity.credential.key_id),
        )
        return Watch(await self._sealer.seal(Kind.WATCH, holder, end), end)

    async def ticket(self, caller: Caller) -> tuple[str, datetime]:
        """A ticket for one event stream with the caller's rights, and until when it is good."""
        async with self._recording.recorded(self._recording.entry(caller, "createStreamTicket", None, None, {})):
            return await self._tickets.issue(caller.identity)

    async def session(self, identity: Identity) -> tuple[str, datetime]:
        """The content of a cookie that opens event streams with the caller's rights."""
        end = until(SESSION_SECONDS, identity)
        return await self._sealer.seal(Kind.SESSION, identity, end), end


def wrong(identity: Identity, wanted: WatchWanted, longest: float) -> list[Refusal]:
    """What is wrong with a watch token before anything is looked up."""
    found = []
    if (wanted.workflow_id is None) == (wanted.tag is None):
        found.append(Refusal("INVALID_INPUT", "Give workflowId or tag, and not both.", path=("workflowId",)))
    if wanted.tag is not None and not wanted.tag.key:
        found.append(Refusal("INVALID_INPUT", "tag.key is empty.", path=("tag", "key")))
    if not 0 < wanted.seconds <= longest:
        message = f"expiresInSeconds must be above 0 and at most {longest:g}; it is {wanted.seconds:g}."
        found.append(Refusal("INVALID_INPUT", message, path=("expiresInSeconds",)))
    if len(wanted.signals) > MAX_SIGNALS or not all(wanted.signals):
        message = f"signals are at most {MAX_SIGNALS} names, none of them empty."
        found.append(Refusal("INVALID_INPUT", message, path=("signals",)))
    if identity.scope.tenant is None and wanted.tag is not None:
        message = "Name the tenant that the tag is of in the header X-Tenant-Id: you see every one."
        found.append(Refusal("INVALID_INPUT", message, path=("tag",)))
    return found
