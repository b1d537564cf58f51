// Records histories of a TypeScript worker as test data: `npm run record [scenario ...]`. See README.md.

import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Client, Connection, WithStartWorkflowOperation } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

import * as activities from './activities.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
const HISTORIES = join(ROOT, 'tests', 'histories');
const TEMPORAL = process.env.TEMPORAL_CLI ?? join(ROOT, '.venv', 'bin', 'temporal');
const QUEUE = 'recorded';
const run = promisify(execFile);

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

async function connected(address) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 500 });
      await connection.workflowService.getSystemInfo({});
      return connection;
    } catch (error) {
      if (attempt === 50) throw error;
      await pause(100);
    }
  }
}

// The stage: each scenario starts workflows on it and returns the runs by the name of their file.
class Stage {
  constructor(client) {
    this.client = client;
  }

  options(extra = {}) {
    return { taskQueue: QUEUE, workflowId: `recorded-${randomUUID().slice(0, 8)}`, followRuns: false, ...extra };
  }

  start(type, args = [], extra = {}) {
    return this.client.workflow.start(type, { args, ...this.options(extra) });
  }

  async settled(handle) {
    await handle.result().catch(() => {});
    return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId ?? (await handle.describe()).runId };
  }

  async simple(name, type, args = [], extra = {}) {
    return { [name]: await this.settled(await this.start(type, args, extra)) };
  }
}

async function until(ask) {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await ask()) return;
    await pause(50);
  }
  throw new Error('what was waited for did not happen within 10 s');
}

const SCENARIOS = {
  sync: (stage) =>
    stage.simple('sync', 'Sync', ['flaky'], {
      memo: { tenant: 'acme', owner: { team: 'pricing' } },
      searchAttributes: { TenantId: ['start'] },
      staticSummary: 'Price sync',
      staticDetails: 'Nightly **prices**',
    }),

  compensated: (stage) => stage.simple('compensated', 'Compensated'),

  timeouts: (stage) => stage.simple('timeouts', 'Timeouts', [], { workflowRunTimeout: '5s' }),

  local_activities: (stage) => stage.simple('local_activities', 'Locals'),

  async children(stage) {
    const runs = await stage.simple('children', 'Parent');
    await stage.client.workflow.getHandle(`${runs.children.workflowId}-left`).terminate();
    return runs;
  },

  async continued(stage) {
    const first = await stage.settled(await stage.start('Pages', [1]));
    const latest = stage.client.workflow.getHandle(first.workflowId);
    await latest.result();
    const second = await latest.describe();
    return { continued: first, continued_next: { workflowId: first.workflowId, runId: second.runId } };
  },

  async updates(stage) {
    const handle = await stage.start('Inbox');
    await handle.executeUpdate('add', { args: [5] });
    await handle.executeUpdate('add', { args: [-1] }).catch(() => {});
    await handle.executeUpdate('add', { args: [13] }).catch(() => {});
    await handle.query('total');
    await handle.signal('close');
    return { updates: await stage.settled(handle) };
  },

  async update_with_start(stage) {
    const operation = new WithStartWorkflowOperation('Inbox', {
      ...stage.options(),
      workflowIdConflictPolicy: 'FAIL',
    });
    await stage.client.workflow.executeUpdateWithStart('add', { args: [7], startWorkflowOperation: operation });
    const handle = await operation.workflowHandle();
    await handle.signal('close');
    return { update_with_start: await stage.settled(handle) };
  },

  async signal_with_start(stage) {
    const handle = await stage.client.workflow.signalWithStart('Inbox', { ...stage.options(), signal: 'close' });
    return { signal_with_start: await stage.settled(handle) };
  },

  async scopes(stage) {
    const handle = await stage.start('Scopes');
    await until(async () => {
      const { raw } = await handle.describe();
      return raw.pendingActivities?.some((each) => each.heartbeatDetails?.payloads?.length);
    });
    await handle.cancel();
    return { scopes: await stage.settled(handle) };
  },

  failed_task: (stage) => stage.simple('failed_task', 'Stumbling'),
};

async function record(address, name, { workflowId, runId }) {
  const { stdout } = await run(
    TEMPORAL,
    ['workflow', 'show', '--output', 'json', '--disable-config-file', '--address', address,
      '--workflow-id', workflowId, '--run-id', runId],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  // Without the names of the machine that recorded it.
  const portable = stdout.replaceAll(HERE, '/app').replaceAll(ROOT, '/app').replaceAll(hostname(), 'host');
  await writeFile(join(HISTORIES, `typescript_${name}.json`), portable);
  console.log(`typescript_${name}`);
}

async function play(address, chosen) {
  const connection = await connected(address);
  const native = await NativeConnection.connect({ address });
  await connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: { TenantId: 2 } });
  const client = new Client({ connection });
  const workflowsPath = join(HERE, 'workflows.js');
  const worker = await Worker.create({ connection: native, taskQueue: QUEUE, workflowsPath, activities });
  await worker.runUntil(async () => {
    for (const scenario of chosen) {
      const runs = await SCENARIOS[scenario](new Stage(client));
      for (const [name, ref] of Object.entries(runs)) await record(address, name, ref);
    }
  });
  await native.close();
  await connection.close();
}

async function main() {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((each) => !(each in SCENARIOS));
  if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(', ')}: ${Object.keys(SCENARIOS)}`);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const port = await freePort();
  const server = spawn(TEMPORAL, ['server', 'start-dev', '--headless', '--port', `${port}`, '--log-level', 'error'], {
    stdio: 'ignore',
  });
  try {
    await play(`127.0.0.1:${port}`, asked.length > 0 ? asked : Object.keys(SCENARIOS));
  } finally {
    server.kill();
  }
}

await main();
