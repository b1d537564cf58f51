// Activities that succeed, fail, hang and report, as the recorded workflows need them.

import { activityInfo, ApplicationFailure, Context, heartbeat, sleep } from '@temporalio/activity';

export async function fetchPrices(source) {
  if (source === 'broken') {
    throw ApplicationFailure.create({
      message: 'no such source',
      type: 'UnknownSource',
      nonRetryable: true,
      details: [{ source }],
    });
  }
  if (source === 'flaky' && activityInfo().attempt < 3) {
    throw new TypeError('connection refused');
  }
  return [1, 2, 3];
}

export async function writePrices(rows) {
  heartbeat({ step: 'write', completed: rows.length, total: rows.length });
  return rows.length;
}

export async function undo(what) {
  return `undid ${what}`;
}

// Resumes from its last heartbeat: the first attempt stops in the middle.
export async function copyPages() {
  const { heartbeatDetails } = activityInfo();
  const start = heartbeatDetails?.completed ?? 0;
  for (let page = start; page < 4; page += 1) {
    heartbeat({ step: 'copy', completed: page + 1, total: 4 });
    if (page === 1 && start === 0) {
      await sleep(300); // until the SDK has sent the beat
      throw new Error('cut off');
    }
  }
  return start;
}

// Ends only by a timeout, or by the cancellation that `beats` lets it hear of.
export async function hang(beats) {
  const context = Context.current();
  if (beats) {
    const beating = setInterval(() => context.heartbeat('waiting'), 50);
    try {
      await context.cancelled;
    } finally {
      clearInterval(beating);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 1500));
}
