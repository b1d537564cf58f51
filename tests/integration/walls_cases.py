"""How a tenant may try to reach another's things: for each root field, its arguments with `<names>` in them.

The answer to each is the same as for names that nothing has. Of a root field that names nothing, the answer has to be
without a byte of the other tenant's.
"""

from __future__ import annotations

_RUN = 'workflowId: "<workflow_id>"'
_EXACT = 'workflowId: "<workflow_id>", runId: "<run_id>"'
_CLOSED = 'workflowId: "<closed_id>"'
_NAMED = (
    _RUN,
    _EXACT,
    _CLOSED,
    'workflowId: "<closed_id>", runId: "<closed_run_id>"',
    'workflowId: "<closed_id>", runId: "<run_id>"',
)
_FILTERS = (
    'tenant: "<tenant>"',
    'or: [{tenant: "<tenant>"}, {not: {tenant: "<tenant>"}}]',
    'not: {tenant: "acme"}',
    'workflowId: {equals: "<workflow_id>"}',
    'workflowId: {startsWith: "<closed_id>"}',
    'workflowId: {contains: "<closed_id>"}',
    'runId: "<closed_run_id>"',
    'metadata: {mark: "zebra"}',
    'metadataAt: {path: ["mark"], equals: "zebra"}',
    'memoAt: {path: ["mark"], equals: "zebra"}',
    'search: "zebra"',
    'workflowType: ["zebra"]',
    'taskQueue: ["zebra"]',
    'createdBy: ["zebra"]',
    'hasFailure: {type: "zebra"}',
    'hasFailure: {messageContains: "zebra"}',
    'hasAlert: true, workflowType: ["zebra"]',
    'parent: {workflowId: "<workflow_id>", runId: "<run_id>"}',
    'root: {workflowId: "<workflow_id>", runId: "<run_id>"}',
)
_ORDERS = tuple(
    f"orderBy: [{{field: {field}, direction: {way}}}]"
    for field in ("START_TIME", "CLOSE_TIME", "DURATION", "TYPE", "STATUS")
    for way in ("ASC", "DESC")
)
_LISTS = ("", *(f"filter: {{{each}}}" for each in _FILTERS))
_SCHEDULED = 'input: {scheduleId: "<schedule_id>"}'
_BATCH = 'jobId: "<key_id>"'

CASES: dict[str, tuple[str, ...]] = {
    "Query.node": tuple(f'id: "{each}"' for each in ("<node>", "<closed_node>")),
    "Query.nodes": ('ids: ["<node>", "<closed_node>"]',),
    "Query.workflow": _NAMED,
    "Query.workflowBatch": tuple(f"refs: [{{{each}}}]" for each in _NAMED),
    "Query.workflows": (*_LISTS, *_ORDERS, 'after: "<cursor>"', 'before: "<cursor>", last: 5', "offset: 1"),
    "Query.workflowUpdates": tuple(f"{each}, waitSeconds: 0" for each in _NAMED),
    "Query.workflowTypes": ("",),
    "Query.workflowType": ('name: "zebra"',),
    "Query.schedules": ("", 'query: "TemporalSchedulePaused = false"'),
    "Query.schedule": ('scheduleId: "<schedule_id>"',),
    "Query.taskQueue": ('name: "zebra"',),
    "Query.workers": ("", 'taskQueue: "zebra"'),
    "Query.batchOperations": ("",),
    "Query.batchOperation": (_BATCH,),
    "Query.namespaces": ("",),
    "Query.searchAttributes": ("",),
    "Query.cluster": ("",),
    "Query.workflowStats": (
        "groupBy: [TYPE, STATUS, TASK_QUEUE, TENANT, ENVIRONMENT, NAMESPACE]",
        "bucket: DAY",
        *_LISTS,
    ),
    "Query.bottlenecks": ('workflowType: "zebra"', 'workflowType: "zebra", tenant: "<tenant>"'),
    "Query.alerts": (
        "",
        'filter: {tenant: "<tenant>"}',
        'filter: {workflowId: "<closed_id>"}',
        'filter: {rule: "zebra"}',
    ),
    "Query.audit": (
        "",
        'filter: {tenant: "<tenant>"}',
        'filter: {workflowId: "<workflow_id>"}',
        'filter: {runId: "<run_id>"}',
        'filter: {identity: "member of <tenant>"}',
    ),
    "Query.viewer": ("",),
    "Query.health": ("",),
    "Query.apiKeys": ("includeRevoked: true",),
    "Mutation.signalWorkflow": tuple(f'input: {{{each}, signalName: "go"}}' for each in _NAMED),
    "Mutation.cancelWorkflow": tuple(f"input: {{{each}}}" for each in _NAMED),
    "Mutation.updateSchedule": ('input: {scheduleId: "<schedule_id>", notes: "mine"}',),
    "Mutation.pauseSchedule": (_SCHEDULED,),
    "Mutation.unpauseSchedule": (_SCHEDULED,),
    "Mutation.triggerSchedule": (_SCHEDULED,),
    "Mutation.backfillSchedule": (
        'input: {scheduleId: "<schedule_id>", startTime: "2026-01-01T00:00:00Z", endTime: "2026-01-02T00:00:00Z"}',
    ),
    "Mutation.deleteSchedule": (_SCHEDULED,),
    "Mutation.revokeApiKey": ('input: {id: "<key_id>"}',),
    "Mutation.createWatchToken": tuple(f"input: {{{each}}}" for each in _NAMED),
    "Mutation.createApiKey": ('input: {name: "k", roles: [VIEWER], tenant: "<tenant>"}',),
    "Mutation.startWorkflow": (),
    "Mutation.signalWithStartWorkflow": (),
    "Mutation.updateWithStartWorkflow": (),
    "Mutation.startPriceSync": (),
    "Mutation.createSchedule": (),
    "Mutation.createStreamTicket": (),
    "Subscription.workflowProgress": _NAMED,
    "Subscription.workflowEvents": _NAMED,
    "Subscription.workflow": _NAMED,
    "Subscription.batchOperation": (_BATCH,),
    "Subscription.workflows": ("", *(f"filter: {{{each}}}" for each in _FILTERS[:4])),
    "Subscription.workflowChanges": ("", *(f"filter: {{{each}}}" for each in _FILTERS[:4])),
    "Subscription.alerts": ("", 'filter: {tenant: "<tenant>"}'),
}
"""The starts are in `test_walls.py`, since what they name need not be there."""

STREAMS = {"Subscription.workflows", "Subscription.workflowChanges", "Subscription.alerts"}
"""Which go on, whatever they are asked."""
