import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { call, makeKey, signIn } from './call.ts';
import { sqlitePlace } from './places.ts';
import { startVictim } from './start-victim.ts';
import { attachStrace } from './strace.ts';

/** One system call: what it was called with, and between which lines of the trace it ran. */
interface SystemCall {
  readonly name: string;
  /** Of the file or socket that its first argument names. */
  readonly target: string;
  readonly text: string;
  readonly begun: number;
  readonly ended: number;
}

const LONGEST = 8_192; // a page of the database, and the head of a request

const OPTIONS = ['-y', '-s', String(LONGEST), '-e', 'trace=read,pwrite64,write,writev,sendto,sendmsg,fdatasync,fsync'];

const ANSWERS: ReadonlySet<string> = new Set(['write', 'writev', 'sendto', 'sendmsg']);
const SYNCS: ReadonlySet<string> = new Set(['fdatasync', 'fsync']);

const BEGUN = /^(\d+) +(\w+)\((?:\d+<(.*?)>)?/;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>/;

/** Calls in the order in which they began; what strace cut in two, because threads ran at once, is put together. */
function callsOf(trace: string): readonly SystemCall[] {
  const calls: SystemCall[] = [];
  const open = new Map<string, SystemCall>();
  for (const [line, text] of trace.split('\n').entries()) {
    const resumed = RESUMED.exec(text);
    const half = open.get(resumed?.[1] ?? '');
    if (resumed !== null && half !== undefined) {
      calls.push({ ...half, text: half.text + text, ended: line });
      continue;
    }
    const begun = BEGUN.exec(text);
    if (begun === null) continue;
    const [, thread = '', name = '', target = ''] = begun;
    const found = { name, target, text, begun: line, ended: line };
    if (text.includes('<unfinished ...>')) open.set(thread, found);
    else calls.push(found);
  }
  return calls.sort((a, b) => a.begun - b.begun);
}

/** Shows from the trace that a request's data was written, then synced, and only then answered. */
function assertOrder(calls: readonly SystemCall[], marker: string): string {
  const request = calls.find(({ name, text }) => name === 'read' && text.includes(marker));
  assert.ok(request, `${marker} never arrived`);
  const answer = calls.find(
    ({ name, target, text, begun }) =>
      ANSWERS.has(name) && target === request.target && begun > request.ended && text.includes('HTTP/1.1 '),
  );
  assert.ok(answer?.text.includes('HTTP/1.1 201'), `${marker} was not answered by a 201`);
  const answeredAt = answer?.begun ?? 0;
  const onLog = calls.filter(({ target, begun }) => target.endsWith('-wal') && begun < answeredAt);
  const written = onLog.findLast(({ name, text }) => name === 'pwrite64' && text.includes(marker)); // row or entry
  assert.ok(written, `${marker} was not written to the write-ahead log before it was answered`);
  const sync = onLog.find(({ name, begun }) => SYNCS.has(name) && begun > written.ended);
  assert.ok(sync, `nothing was synced between writing ${marker} and answering`);
  assert.match(sync.text, /= 0$/);
  assert.ok(sync.ended < answeredAt, `${marker} was answered before it was synced`);
  const lines = [request.begun, written.begun, sync.begun, sync.ended, answeredAt];
  return `${marker}: read, written, sync begun, synced, answered on lines ${lines.join(', ')}`;
}

test('a reading is written, then synced, then acknowledged, alone and in a crowd', async (t) => {
  const place = await sqlitePlace();
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-trace-'));
  const victim = await startVictim(place.setting);
  t.after(async () => {
    await victim.kill('SIGKILL');
    await rm(folder, { recursive: true });
    await place.remove();
  });
  const key = await makeKey(victim.address, await signIn(victim.address));
  const file = join(folder, 'trace');
  const strace = await attachStrace(victim.pid, [...OPTIONS, '-o', file]);
  if (typeof strace === 'string') return t.skip(strace);

  const post = async (meter: string): Promise<void> => {
    const body = { meter_id: meter, timestamp: '2026-01-01T00:00:00Z', energy_consumption: 1 };
    assert.equal((await call(victim.address, 'POST', '/v1/readings', { key, body })).status, 201);
  };
  const alone = ['ALONE-1', 'ALONE-2'];
  for (const meter of alone) await post(meter);
  const crowd = Array.from({ length: 24 }, (_, index) => `CROWD-${index}-X`);
  await Promise.all(crowd.map(post));
  await strace.stop();

  const calls = callsOf(await readFile(file, 'utf8'));
  const shown = [...alone, ...crowd].map((meter) => assertOrder(calls, meter));
  for (const line of shown.slice(0, 3)) t.diagnostic(line);
  const syncs = calls.filter(({ name, target }) => name === 'fdatasync' && target.endsWith('-wal')).length;
  t.diagnostic(`${shown.length} answers, each after its sync; ${syncs} syncs of the write-ahead log`);
});
