import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histogram, Registry } from 'prom-client';
import { createMetrics, foldMetrics, sumMetrics } from './metrics.ts';

/** Numbers as a thread has them that served so many requests. */
function served(requests: number, open: number) {
  const metrics = createMetrics({ ofProcess: false });
  const counter = metrics.counter('twinkeep_things_total', 'Things.');
  for (let n = 0; n < requests; n++) {
    metrics.request('/v1/me', 'GET', 200, 3);
    counter.add();
  }
  metrics.gauge('twinkeep_open', 'Open now.', () => open);
  return metrics;
}

test('the numbers of several threads are summed as those of one', async () => {
  const snapshots = await Promise.all([served(3, 1), served(4, 2)].map((metrics) => metrics.snapshot()));
  const text = await sumMetrics(structuredClone(snapshots));
  assert.match(text, /^twinkeep_http_request_duration_seconds_count\{method="GET",route="\/v1\/me",status="200"\} 7$/m);
  assert.match(text, /^twinkeep_http_request_duration_seconds_bucket\{le="0.005",.*\} 7$/m);
  assert.match(text, /^twinkeep_things_total 7$/m);
  assert.match(text, /^twinkeep_open 3$/m);
  assert.doesNotMatch(text, /^process_/m);
});

test('what a thread has counted stays counted when it ends, again and again; what it was does not', async () => {
  let departed = foldMetrics([]);
  for (let n = 1; n <= 3; n++) departed = foldMetrics([departed, await served(n, 5).snapshot()]);
  const text = await sumMetrics([departed, await served(1, 5).snapshot()]);
  assert.match(text, /^twinkeep_things_total 7$/m);
  assert.match(text, /^twinkeep_http_request_duration_seconds_count\{.*\} 7$/m);
  assert.match(text, /^twinkeep_open 5$/m);
});

test('memory and CPU are counted in one thread of a process', async () => {
  const [one, other] = [createMetrics(), createMetrics({ ofProcess: false })];
  const text = await sumMetrics([await one.snapshot(), await other.snapshot()]);
  assert.equal(text.match(/^process_cpu_seconds_total /gm)?.length, 1);
});

test('durations are printed as a histogram of prom-client prints them', async () => {
  const registry = new Registry();
  const [name, help] = [
    'twinkeep_http_request_duration_seconds',
    'Time from the first byte of a request to the last of its answer.',
  ];
  const buckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
  const theirs = new Histogram({
    name,
    help,
    labelNames: ['method', 'route', 'status'],
    buckets,
    registers: [registry],
  });
  const ours = createMetrics({ ofProcess: false });
  for (const ms of [0, 0.4, 1, 1.1, 5, 9_999, 10_000, 10_001, 60_000]) {
    for (const route of ['/v1/me', '/a"b\\c/:id']) {
      for (const status of [200, 404]) {
        theirs.labels('GET', route, String(status)).observe(ms / 1_000);
        ours.request(route, 'GET', status, ms);
      }
    }
  }
  const lines = (text: string): readonly string[] =>
    text.split('\n').filter((line) => line.includes('twinkeep_http_request'));
  assert.deepEqual(lines(await ours.text()), lines(await registry.metrics()));
});
