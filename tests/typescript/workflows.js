// Workflows that make Temporal write the events that a TypeScript worker can cause.

import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ParentClosePolicy,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  isCancellation,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  startChild,
  upsertMemo,
  upsertSearchAttributes,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';

const SHORT = { startToCloseTimeout: '10s' };
const SOON = { initialInterval: '50ms', maximumAttempts: 3 };
const ONCE = { maximumAttempts: 1 };

const { fetchPrices, copyPages, undo } = proxyActivities({ ...SHORT, retry: SOON });
const { writePrices } = proxyActivities({ ...SHORT, summary: 'Write the prices' });

export async function Sync(source) {
  upsertMemo({ phase: { name: 'extract', status: 'started' }, progress: { percent: 0, step: 'extract' } });
  patched('faster-extract');
  const key = uuid4();
  const rows = await fetchPrices(source);
  upsertMemo({ phase: { name: 'extract', status: 'completed' } });
  upsertMemo({
    phase: [
      { name: 'load-eu', status: 'started', parallelGroup: 'load' },
      { name: 'load-us', status: 'started', parallelGroup: 'load' },
    ],
  });
  await Promise.all([writePrices(rows), writePrices(rows)]);
  const resumedAt = await copyPages();
  upsertMemo({
    phase: [
      { name: 'load-eu', status: 'completed', parallelGroup: 'load' },
      { name: 'load-us', status: 'completed', parallelGroup: 'load' },
    ],
    progress: { completed: 2, total: 3 },
  });
  await sleep('50ms', { summary: 'Let caches settle' });
  upsertSearchAttributes({ TenantId: ['acme'] });
  upsertMemo({ progress: { percent: 100, message: 'done' } });
  return { rows: rows.length, resumedAt, key: key.length };
}

export async function Compensated() {
  const { undo: compensate } = proxyActivities({ ...SHORT, summary: 'Compensate write' });
  await writePrices([1]);
  try {
    await fetchPrices('broken');
  } catch (error) {
    await compensate('write');
    throw error;
  }
}

export async function Timeouts() {
  const seen = [];
  for (const options of [
    { startToCloseTimeout: '300ms' },
    { startToCloseTimeout: '10s', heartbeatTimeout: '300ms' },
    { startToCloseTimeout: '10s', scheduleToStartTimeout: '300ms', taskQueue: 'nobody-polls-this' },
  ]) {
    try {
      await proxyActivities({ ...options, retry: ONCE }).hang(false);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      seen.push(error.cause?.message);
    }
  }
  await sleep('60s');
  return seen;
}

export async function Locals() {
  const patient = proxyLocalActivities({ ...SHORT, retry: SOON });
  const rows = await patient.fetchPrices('flaky');
  try {
    await patient.fetchPrices('broken');
  } catch {
    // recorded
  }
  // A backoff longer than the local retry threshold is waited for with a timer.
  const slow = proxyLocalActivities({
    ...SHORT,
    retry: { initialInterval: '200ms', maximumAttempts: 3 },
    localRetryThreshold: '50ms',
  });
  await slow.fetchPrices('flaky');
  return rows.length;
}

export async function Echo(text) {
  if (text === 'fail') throw ApplicationFailure.nonRetryable('told to fail', 'Told');
  if (text === 'wait') await sleep('60s');
  return text;
}

export async function Parent() {
  const { workflowId } = workflowInfo();
  await executeChild(Echo, { args: ['hello'], workflowId: `${workflowId}-good`, staticSummary: 'Greet' });
  try {
    await executeChild(Echo, { args: ['fail'], workflowId: `${workflowId}-bad` });
  } catch {
    // recorded
  }
  const scope = new CancellationScope();
  const waiting = scope.run(() => executeChild(Echo, { args: ['wait'], workflowId: `${workflowId}-canceled` }));
  await sleep('100ms');
  scope.cancel();
  try {
    await waiting;
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
  await startChild(Echo, {
    args: ['wait'],
    workflowId: `${workflowId}-left`,
    parentClosePolicy: ParentClosePolicy.ABANDON,
  });
  try {
    await startChild(Echo, { args: ['wait'], workflowId: `${workflowId}-left` });
  } catch {
    // recorded: it runs already
  }
}

export async function Pages(page) {
  if (page < 2) await continueAsNew(page + 1);
  return page;
}

const add = defineUpdate('add');
const close = defineSignal('close');
const total = defineQuery('total');

export async function Inbox() {
  let sum = 0;
  let done = false;
  setHandler(
    add,
    async (amount) => {
      await sleep('20ms');
      if (amount === 13) throw ApplicationFailure.nonRetryable('unlucky', 'Unlucky');
      sum += amount;
      return sum;
    },
    {
      validator: (amount) => {
        if (amount < 0) throw new Error('not negative');
      },
    },
  );
  setHandler(total, () => sum);
  setHandler(close, () => {
    done = true;
  });
  await condition(() => done);
  return sum;
}

// Scopes: one that times out, one that is cancelled from outside, one that must not be.
export async function Scopes() {
  const { hang } = proxyActivities({
    startToCloseTimeout: '60s',
    heartbeatTimeout: '10s',
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: ONCE,
  });
  try {
    await CancellationScope.withTimeout('100ms', () => sleep('60s'));
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
  try {
    await hang(true);
  } finally {
    await CancellationScope.nonCancellable(() => undo('everything'));
  }
}

// An error that is no failure of Temporal's fails the workflow task, which is tried again.
export async function Stumbling() {
  if (workflowInfo().historyLength < 4) throw new Error('stumbled');
  return 'up again';
}
