/** The load generator, a process of its own: takes one job by message, sends one result, ends. */
import { type Connection, openConnection } from './load/connection.ts';
import { fieldsBody } from './load/fields.ts';
import { type LoadJob, type LoadResult, loadJob } from './load/job.ts';
import { askLoop, type LoopDelay } from './load/loop.ts';
import { openLoop } from './load/open-loop.ts';
import { bulkBody, readingAt } from './load/readings.ts';
import { refreshRequest, sessionAt } from './load/refreshes.ts';
import { runWrk } from './load/wrk.ts';
import { cpuMs } from './proc.ts';
import { quantile } from './stats.ts';

interface Phase {
  readonly seconds: number;
  readonly latencies: Float64Array;
}

async function run(message: unknown): Promise<LoadResult> {
  const job = loadJob.parse(message);
  const nextRequest = requests(job);
  const count = job.wrk === undefined ? job.connections : 1;
  const connections = await Promise.all(Array.from({ length: count }, () => openConnection(job.port)));
  try {
    const warm = await phase(connections, job, job.wrk === undefined ? job.warmup : ONCE, nextRequest);
    if (job.wrk !== undefined) return await byWrk(job, job.wrk);
    await loopOf(job); // what it saw until now is forgotten
    const spent = meter(job);
    const before = process.cpuUsage();
    const { seconds, latencies } = await phase(connections, job, job.measure, nextRequest);
    const own = process.cpuUsage(before);
    const cpu = spent();
    const loop = await loopOf(job);
    latencies.sort();
    const p50Ms = quantile(latencies, 0.5);
    const p99Ms = quantile(latencies, 0.99);
    const generatorCpuMs = (own.user + own.system) / 1_000;
    const requests = latencies.length;
    const sent = warm.latencies.length + requests;
    return { kind: 'measured', requests, seconds, p50Ms, p99Ms, cpuMs: cpu, generatorCpuMs, loop, sent };
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function loopOf({ pids: [server], loopFile }: LoadJob): Promise<LoopDelay | undefined> {
  return loopFile === undefined || server === undefined ? undefined : askLoop(server, loopFile);
}

/** One request that is looked at whole, before a generator that looks at the status alone. */
const ONCE = { ms: Number.MAX_SAFE_INTEGER, requests: 1 };

async function byWrk(job: LoadJob, wrk: string): Promise<LoadResult> {
  await runWrk(wrk, job, job.warmup.ms);
  const spent = meter(job);
  const run = await runWrk(wrk, job, job.measure.ms);
  return { kind: 'measured', ...run, cpuMs: spent(), sent: run.requests };
}

/** From now on, what each process of the server spends; null where it can't be known. */
function meter({ pids }: LoadJob): () => (number | null)[] {
  const before = pids.map(cpuMs);
  return () =>
    pids.map((pid, i) => {
      const ms = cpuMs(pid) - (before[i] ?? Number.NaN);
      return Number.isNaN(ms) ? null : ms;
    });
}

/** All have their answers when it ends, so that no work is left over. */
async function phase(
  connections: readonly Connection[],
  job: LoadJob,
  limit: LoadJob['measure'],
  nextRequest: () => string,
): Promise<Phase> {
  const { rate } = job;
  const startedAt = performance.now();
  const latencies =
    rate === undefined
      ? await closedLoop(connections, job, limit, nextRequest)
      : await openLoop(connections, { rate, ms: limit.ms }, (connection) => ask(connection, job, nextRequest()));
  return { seconds: (performance.now() - startedAt) / 1_000, latencies: Float64Array.from(latencies) };
}

/** Every connection asks, waits and asks again. */
async function closedLoop(
  connections: readonly Connection[],
  job: LoadJob,
  limit: LoadJob['measure'],
  nextRequest: () => string,
): Promise<number[]> {
  const latencies: number[] = [];
  const startedAt = performance.now();
  let left = limit.requests;

  async function work(connection: Connection): Promise<void> {
    for (let now = startedAt; left > 0 && now - startedAt < limit.ms; ) {
      left -= 1;
      const request = nextRequest();
      const sentAt = performance.now();
      await ask(connection, job, request);
      now = performance.now();
      latencies.push(now - sentAt);
    }
  }

  try {
    await Promise.all(connections.map(work));
  } finally {
    left = 0; // whoever failed fails for all
  }
  return latencies;
}

/** @throws Error for an answer that is not the right one */
async function ask(connection: Connection, { method, path, status, says }: LoadJob, request: string): Promise<void> {
  const reply = await connection.send(request);
  if (reply.status !== status || (says !== '' && !reply.body().includes(says)))
    throw new Error(`${method} ${path} was answered ${reply.status}: ${reply.body().slice(0, 500)}`);
}

function requests(job: LoadJob): () => string {
  const { body, seed } = job;
  let made = 0;
  switch (body.kind) {
    case 'none': {
      const request = `${headOf(job)}\r\n`;
      return () => request;
    }
    case 'reading': {
      const head = headOf(job);
      return () => withBody(head, JSON.stringify(readingAt(seed, made++)));
    }
    case 'fields': {
      const request = withBody(headOf(job), fieldsBody(body.lines));
      return () => request;
    }
    case 'texts': {
      const all = body.texts.map((text) => withBody(headOf(job), text));
      return () => all[made++ % all.length] ?? '';
    }
    case 'refresh': {
      const head = headOf(job);
      return () => {
        const { cookie, body: text } = refreshRequest(body.seed, sessionAt(body.used + made++, body.first, body.count));
        return withBody(`${head}cookie: ${cookie}\r\n`, text);
      };
    }
    case 'ndjson':
    case 'json': {
      // Made beforehand: twenty thousand lines take long enough to let the server rest between two bodies.
      const { kind } = body;
      const head = headOf(job);
      const ready = Array.from({ length: job.warmup.requests + job.measure.requests }, (_, i) =>
        withBody(head, bulkBody(kind, seed, i * body.lines, body.lines)),
      );
      return () => {
        const request = ready[made++];
        if (request === undefined) throw new Error('more bodies were asked for than made');
        return request;
      };
    }
  }
}

function headOf({ method, path, port, headers }: LoadJob): string {
  const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}`;
}

/** The bodies are ASCII, so that characters are bytes. */
const withBody = (head: string, body: string): string => `${head}content-length: ${body.length}\r\n\r\n${body}`;

process.once('message', (message) => {
  run(message)
    .catch(
      (error: unknown): LoadResult => ({
        kind: 'failed',
        reason: error instanceof Error ? error.message : String(error),
      }),
    )
    .then((result) => process.send?.(result, () => process.disconnect()))
    .catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
});
