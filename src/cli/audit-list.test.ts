import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { auditTable } from './audit-list.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

test('the operator lists what belongs to no tenant, page by page, and is told what was not understood', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-audit-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const run = async (...args: readonly string[]) => {
    const env = { PATH: process.env['PATH'], TWINKEEP_DATA: join(folder, 'data') };
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
    const [code] = await once(child, 'close');
    return { code, out: ((await out) ?? []).join(''), err: ((await err) ?? []).join('') };
  };
  assert.equal((await run('tenants', 'create', 'plant-2', '--name', 'Plant 2')).code, 0);
  assert.equal((await run('blocks', 'add', '203.0.113.9', '--for', '1h', '--reason', 'scans')).code, 0);
  assert.equal((await run('blocks', 'lift', '203.0.113.9')).code, 0);
  const lifted = await run('audit', 'list', '--limit', '1', '--action', 'detection.lifted');
  assert.match(lifted.out, /^seq +at +action +outcome +who +tenant +what\n\d+ .* done +operator .*block:/);
  const all = JSON.parse((await run('audit', 'list', '--json', '--since', '1h')).out);
  const newestFirst = all.items.map(({ seq }: { seq: number }) => seq);
  assert.deepEqual(
    newestFirst,
    [...newestFirst].sort((one, other) => other - one),
  );
  const [, second] = newestFirst;
  const rest = JSON.parse((await run('audit', 'list', '--json', '--before', String(second), '--limit', '1')).out);
  assert.equal(rest.items[0].seq, newestFirst[2]);
  assert.equal((await run('audit', 'list', '--since', 'yesterday')).code, 2);
});

// Attack: a terminal is steered by what an attacker sent, once somebody reads of it.
test('what somebody sent steers no terminal, and a row stays one line', () => {
  const hits = [{ rule: 'sqli-union', weight: 5 }];
  const evidence = '\u001b[2J\u009b1mgone\nroot';
  const facts = { route: 'GET /x', mode: 'shadow', class: 'sqli', score: 9, at: 'query.q', evidence, hits, places: [] };
  const base = { at: '2026-11-21T12:00:00.000Z', action: 'detection.attack', outcome: 'done', principal: 'anonymous' };
  const [, row = '', ...more] = auditTable([{ seq: 1, ...base, facts }]).split('\n');
  assert.deepEqual(more, []);
  assert.match(row, /GET \/x \(shadow\): sqli 9 at query\.q: sqli-union 5: ·\[2J·1mgone·root$/);
});
