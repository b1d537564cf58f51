"""How a tenant may try to reach another's things: for each root field, its arguments with `<names>` in them.

The answer to each is the same as for names that nothing has. Of a root field that names nothing, the answer has to be
without a byte of the other tenant's.
"""

from __future__ import annotations

from tests.integration.walking import sample, typed_starts

_RUN = 'workflowId: "<workflow_id>"'
_EXACT = 'workflowId: "<workflow_id>", runId: "<run_id>"'
_CLOSED = 'workflowId: "<closed_id>"'
_WHOLE = 'workflowId: "<whole_id>"'
_NAMED = (
    _RUN,
    _EXACT,
    _CLOSED,
    _WHOLE,
    'workflowId: "<whole_id>", runId: "<run_id>"',
    'workflowId: "<closed_id>", runId: "<closed_run_id>"',
    'workflowId: "<closed_id>", runId: "<run_id>"',
)
_FILTERS = (
    'tenant: "<tenant>"',
    'or: [{tenant: "<tenant>"}, {not: {tenant: "<tenant>"}}]',
    'not: {tenant: "acme"}',
    'workflowId: {equals: "<workflow_id>"}',
    'workflowId: {equals: "<whole_id>"}',
    'workflowId: {startsWith: "<closed_id>"}',
    'workflowId: {startsWith: "<tenant>/"}',
    'workflowId: {contains: "<closed_id>"}',
    'runId: "<closed_run_id>"',
    'metadata: {mark: "zebra"}',
    'metadataAt: {path: ["mark"], equals: "zebra"}',
    'memoAt: {path: ["mark"], equals: "zebra"}',
    'searchAttribute: {name: "TenantId", equals: "<tenant>"}',
    'searchAttribute: {name: "TemporalScheduledById", equals: "<schedule_id>"}',
    'search: "zebra"',
    'workflowType: ["zebra"]',
    'taskQueue: ["zebra"]',
    'createdBy: ["zebra"]',
    'createdBy: ["member of <tenant>"]',
    'hasFailure: {type: "zebra"}',
    'hasFailure: {messageContains: "zebra"}',
    'hasAlert: true, workflowType: ["zebra"]',
    'parent: {workflowId: "<workflow_id>", runId: "<run_id>"}',
    'root: {workflowId: "<whole_id>", runId: "<run_id>"}',
)
_ORDERS = tuple(
    f"orderBy: [{{field: {field}, direction: {way}}}]"
    for field in ("START_TIME", "CLOSE_TIME", "DURATION", "TYPE", "STATUS")
    for way in ("ASC", "DESC")
)
_LISTS = ("", *(f"filter: {{{each}}}" for each in _FILTERS))
_SCHEDULES = tuple(f'scheduleId: "{each}"' for each in ("<schedule_id>", "<whole_schedule>"))
_BATCHES = ('jobId: "<job_id>"', 'jobId: "<key_id>"')
_ACTIVITIES = (*(f'{each}, activityId: "1"' for each in _NAMED), 'taskToken: "<task_token>"')
_NODES = ("<node>", "<closed_node>", "<activity_node>", "<timeline_node>", "<alert_node>")


def _input(names: tuple[str, ...], more: str = "") -> tuple[str, ...]:
    return tuple(f"input: {{{each}{', ' if more else ''}{more}}}" for each in names)


def _many(more: str = "") -> tuple[str, ...]:
    """By name, and by filter whether something is done or not."""
    rest = f", {more}" if more else ""
    return (
        *(f"input: {{refs: [{{{each}}}]{rest}}}" for each in _NAMED),
        f"input: {{refs: [{{{_RUN}}}, {{{_CLOSED}}}, {{{_EXACT}}}], dryRun: true{rest}}}",
        *(f"input: {{filter: {{{each}}}, dryRun: true{rest}}}" for each in _FILTERS),
        *(f"input: {{filter: {{{each}}}{rest}}}" for each in _FILTERS[3:6]),
    )


_POLICIES = ("FAIL", "USE_EXISTING", "TERMINATE_EXISTING")
_IDS = (
    'workflowId: "<workflow_id>"',
    'workflowId: "<whole_id>"',
    'workflowId: "by-<idempotency_key>", idempotencyKey: "<idempotency_key>"',
)
_BEGUN = 'workflowType: "zebra", taskQueue: "zebra"'
_SPEC = 'spec: {intervals: [{everySeconds: 86400}]}, action: {workflowType: "zebra", taskQueue: "zebra"}'


def _typed(name: str) -> tuple[str, ...]:
    return (
        *(f'input: {sample(name)}, options: {{taskQueue: "zebra", {each}}}' for each in _IDS),
        f'input: {sample(name, tenant="<tenant>")}, options: {{taskQueue: "zebra"}}',
    )


CASES: dict[str, tuple[str, ...]] = {
    "Query.node": tuple(f'id: "{each}"' for each in _NODES),
    "Query.nodes": ("ids: [" + ", ".join(f'"{each}"' for each in _NODES) + "]",),
    "Query.workflow": _NAMED,
    "Query.workflowBatch": tuple(f"refs: [{{{each}}}]" for each in _NAMED),
    "Query.workflows": (
        *_LISTS,
        *_ORDERS,
        'after: "<cursor>"',
        'before: "<cursor>", last: 5',
        "offset: 1",
        'consistencyToken: "<token>"',
        'consistencyToken: "<own_token>"',
    ),
    "Query.workflowUpdates": (
        *(f"{each}, waitSeconds: 0" for each in _NAMED),
        *(f'{each}, after: "<event_cursor>", waitSeconds: 0' for each in _NAMED),
        'workflowId: "mine", after: "<event_cursor>", waitSeconds: 0',
    ),
    "Query.workflowTypes": ("",),
    "Query.workflowType": ('name: "zebra"',),
    "Query.schedules": (
        "",
        'query: "TemporalSchedulePaused = false"',
        "query: \"ScheduleId = '<whole_schedule>'\"",
        "query: \"TenantId = '<tenant>'\"",
    ),
    "Query.schedule": _SCHEDULES,
    "Query.taskQueue": ('name: "zebra"',),
    "Query.workers": ("", 'taskQueue: "zebra"'),
    "Query.batchOperations": ("",),
    "Query.batchOperation": _BATCHES,
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
        'after: "<alert_cursor>"',
    ),
    "Query.audit": (
        "",
        'filter: {tenant: "<tenant>"}',
        'filter: {workflowId: "<workflow_id>"}',
        'filter: {workflowId: "<whole_id>"}',
        'filter: {runId: "<run_id>"}',
        'filter: {identity: "member of <tenant>"}',
        'filter: {idempotencyKey: "<idempotency_key>"}',
        'after: "<place>"',
    ),
    "Query.tenants": ("", 'after: "<cursor>"'),
    "Query.tenant": ('id: "<tenant>"',),
    "Query.viewer": ("",),
    "Query.health": ("",),
    "Query.apiKeys": ("includeRevoked: true",),
    "Mutation.signalWorkflow": _input(_NAMED, 'signalName: "go"'),
    "Mutation.cancelWorkflow": _input(_NAMED),
    "Mutation.terminateWorkflow": _input(_NAMED),
    "Mutation.resetWorkflow": _input(_NAMED, "to: FIRST_WORKFLOW_TASK"),
    "Mutation.pauseWorkflow": _input(_NAMED),
    "Mutation.unpauseWorkflow": _input(_NAMED),
    "Mutation.updateWorkflow": _input(_NAMED, 'updateName: "go", waitSeconds: 0.5'),
    "Mutation.deleteWorkflow": _input(_NAMED),
    "Mutation.pauseActivity": _input(_ACTIVITIES),
    "Mutation.unpauseActivity": _input(_ACTIVITIES),
    "Mutation.resetActivity": _input(_ACTIVITIES),
    "Mutation.updateActivityOptions": _input(_ACTIVITIES, "startToCloseTimeoutSeconds: 5"),
    "Mutation.completeActivity": _input(_ACTIVITIES, 'result: "done"'),
    "Mutation.failActivity": _input(_ACTIVITIES, 'message: "no"'),
    "Mutation.heartbeatActivity": _input(_ACTIVITIES),
    "Mutation.signalWorkflows": _many('signalName: "go"'),
    "Mutation.cancelWorkflows": _many(),
    "Mutation.terminateWorkflows": _many(),
    "Mutation.resetWorkflows": _many("to: FIRST_WORKFLOW_TASK"),
    "Mutation.pauseWorkflows": _many(),
    "Mutation.unpauseWorkflows": _many(),
    "Mutation.deleteWorkflows": _many(),
    "Mutation.stopBatchOperation": _input(_BATCHES),
    "Mutation.updateSchedule": _input(_SCHEDULES, 'notes: "mine"'),
    "Mutation.pauseSchedule": _input(_SCHEDULES),
    "Mutation.unpauseSchedule": _input(_SCHEDULES),
    "Mutation.triggerSchedule": _input(_SCHEDULES),
    "Mutation.backfillSchedule": _input(
        _SCHEDULES, 'startTime: "2026-01-01T00:00:00Z", endTime: "2026-01-02T00:00:00Z"'
    ),
    "Mutation.deleteSchedule": _input(_SCHEDULES),
    "Mutation.updateTenant": ('input: {tenant: "<tenant>", displayName: "mine"}',),
    "Mutation.suspendTenant": ('input: {tenant: "<tenant>"}',),
    "Mutation.resumeTenant": ('input: {tenant: "<tenant>"}',),
    "Mutation.claimApiKey": ('input: {id: "<hand_over_id>"}',),
    "Mutation.revokeApiKey": ('input: {id: "<key_id>"}',),
    "Mutation.createApiKey": ('input: {name: "k", roles: [VIEWER], tenant: "<tenant>"}',),
    "Mutation.createWatchToken": _input(_NAMED),
    "Mutation.createStreamTicket": ("",),
    "Mutation.startWorkflow": (
        *_input(_IDS, _BEGUN),
        *(f"{each[:-1]}, idConflictPolicy: {policy}}}" for policy in _POLICIES for each in _input(_IDS[:2], _BEGUN)),
    ),
    "Mutation.signalWithStartWorkflow": _input(_IDS, f'{_BEGUN}, signalName: "go"'),
    "Mutation.updateWithStartWorkflow": _input(_IDS[:2], f'{_BEGUN}, updateName: "go"'),
    **{f"Mutation.{name}": _typed(name) for name in typed_starts()},
    "Mutation.createSchedule": _input(_SCHEDULES, _SPEC),
    "Subscription.workflowProgress": _NAMED,
    "Subscription.workflowEvents": (*_NAMED, *(f'{each}, after: "<event_cursor>"' for each in _NAMED)),
    "Subscription.workflow": _NAMED,
    "Subscription.batchOperation": _BATCHES,
    "Subscription.workflows": ("", *(f"filter: {{{each}}}" for each in _FILTERS[:8])),
    "Subscription.workflowChanges": (
        "",
        'after: "<change_cursor>"',
        *(f"filter: {{{each}}}" for each in _FILTERS[:8]),
    ),
    "Subscription.alerts": ("", 'filter: {tenant: "<tenant>"}', 'filter: {workflowId: "<closed_id>"}'),
}

STREAMS = {"Subscription.workflows", "Subscription.workflowChanges", "Subscription.alerts"}
"""Which go on, whatever they are asked."""
MAKING = {
    "Mutation.startWorkflow", "Mutation.signalWithStartWorkflow", "Mutation.updateWithStartWorkflow",
    "Mutation.createSchedule", *(f"Mutation.{name}" for name in typed_starts()),
}  # fmt: skip
"""Which make what they name: it is then the caller's own, whoever else has one of that name."""
