/**
 * The program that a table belongs to: reads every kind of row while somebody migrates it, and writes beside.
 * `node migrate-fields-reader.ts <database> <vault file> <rows>`; ends when standard input does, and prints what it saw.
 */
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import pg from 'pg';
import { openFernet } from '../../src/crypto/index.ts';
import { createTestVault, LEGACY_KEY } from '../../src/migration/migration-kit.contract.ts';

const [url = '', vaultFile = '', rowsText = ''] = process.argv.slice(2);
const rows = Number(rowsText);

interface Program {
  read(from: number, to: number): Promise<readonly Readonly<Record<string, unknown>>[]>;
  touch(id: number): Promise<unknown>;
  close(): Promise<void>;
}

function onSqlite(file: string): Program {
  const db = new DatabaseSync(file, { timeout: 5_000 }); // what Python's sqlite3 waits for, too
  const select = db.prepare('select id, email, phone from users where id between ? and ?');
  const update = db.prepare('update users set seen = seen + 1 where id = ?');
  return {
    read: async (from, to) => select.all(from, to),
    touch: async (id) => update.run(id),
    close: async () => db.close(),
  };
}

async function onPostgres(): Promise<Program> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    read: async (from, to) => {
      const found = await client.query('select id, email, phone from users where id between $1 and $2', [from, to]);
      return found.rows;
    },
    touch: (id) => client.query('update users set seen = seen + 1 where id = $1', [id]),
    close: () => client.end(),
  };
}

const vault = await createTestVault(vaultFile);
const program = url.startsWith('sqlite:') ? onSqlite(url.slice('sqlite:'.length)) : await onPostgres();
const seen = { reads: 0, writes: 0, legacy: 0, envelopes: 0, empty: 0, wrong: 0, slowestMs: 0 };

function look(id: number, column: 'email' | 'phone', value: unknown): void {
  if (value === null || value === '') {
    seen.empty += 1;
    return;
  }
  const text = String(value);
  const isEnvelope = text.startsWith('tk1.');
  const opened = isEnvelope
    ? vault.openOne({ table: 'users', column, row: String(id) }, text)
    : openFernet(LEGACY_KEY, text, { now: Date.now() })?.toString();
  if (opened !== `${column} of ${id}`) seen.wrong += 1;
  else if (isEnvelope) seen.envelopes += 1;
  else seen.legacy += 1;
}

let running = true;
process.stdin.on('end', () => {
  running = false;
});
process.stdin.resume();
process.stdout.write('ready\n');
for (let at = 0; running; at = (at + 7_919) % rows) {
  const start = performance.now();
  const found = await program.read(at + 1, at + 50);
  if (seen.reads % 10 === 0) {
    await program.touch(at + 1);
    seen.writes += 1;
  }
  seen.slowestMs = Math.max(seen.slowestMs, performance.now() - start);
  for (const row of found)
    for (const column of ['email', 'phone'] as const) look(Number(row['id']), column, row[column]);
  seen.reads += 1;
  await turn();
}
await program.close();
await vault.close();
process.stdout.write(`${JSON.stringify(seen)}\n`);
