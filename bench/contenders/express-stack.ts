/**
 * The usual stack, written the way its documentation shows: Express 5, helmet, express-rate-limit on Redis,
 * jsonwebtoken (HS256, verified at each request), zod, and SQLite with a durable transaction for each request.
 *
 * Environment: PORT, JWT_SECRET, DATABASE (file), LIMITER (`off`, `memory` or a port of Redis).
 */
import { DatabaseSync } from 'node:sqlite';
import express from 'express';
import helmet from 'helmet';
import { z } from 'zod';
import { authenticateBy, limiterIn, type Reply } from './express-guards.ts';

const { PORT, JWT_SECRET = '', DATABASE = '', LIMITER = 'memory' } = process.env;
const MANY_BYTES = '32mb';

const reading = z.strictObject({
  meter_id: z.string().regex(/^[A-Za-z0-9_-]{1,50}$/),
  timestamp: z.iso.datetime({ offset: true }).transform(Date.parse),
  energy_consumption: z.number().min(0).max(100_000),
  power_factor: z.number().min(0).max(1).optional(),
  location: z.string().max(200).optional(),
});
const readings = z.array(reading).max(20_000);
const question = z.object({
  meter_id: z.string().max(50),
  limit: z.coerce.number().int().min(1).max(10_000).default(100),
});

const database = new DatabaseSync(DATABASE);
database.exec(`
  pragma journal_mode = wal;
  pragma synchronous = full;
  create table if not exists reading (
    meter_id text not null, at integer not null, energy real not null, power_factor real, location text, person text not null,
    primary key (meter_id, at)
  ) strict, without rowid`);
const insert = database.prepare('insert into reading values (?, ?, ?, ?, ?, ?) on conflict do nothing');
const select = database.prepare('select * from reading where meter_id = ? order by at limit ?');

function store(items: readonly z.output<typeof reading>[], person = ''): number {
  let kept = 0;
  database.exec('begin immediate');
  try {
    for (const { meter_id, timestamp, energy_consumption, power_factor = null, location = null } of items) {
      kept += Number(insert.run(meter_id, timestamp, energy_consumption, power_factor, location, person).changes);
    }
    database.exec('commit');
  } catch (error) {
    database.exec('rollback');
    throw error;
  }
  return kept;
}

const app = express();
app.use(helmet());
app.get('/ready', (_request, response) => {
  response.json({ status: 'ready' });
});
if (LIMITER !== 'off') app.use(await limiterIn(LIMITER));
app.use(authenticateBy(JWT_SECRET));

app.get('/me', (_request, response: Reply) => {
  const { sub, roles, tenant_id } = response.locals.user;
  response.json({ username: sub, roles, tenant_id });
});

app.get('/readings', (request, response) => {
  const asked = question.safeParse(request.query);
  if (asked.success) response.json({ items: select.all(asked.data.meter_id, asked.data.limit) });
  else response.status(422).json({ errors: asked.error.issues });
});

app.post('/readings', express.json(), (request, response: Reply) => {
  const given = reading.safeParse(request.body);
  if (given.success) response.status(201).json({ kept: store([given.data], response.locals.user.sub) });
  else response.status(422).json({ errors: given.error.issues });
});

app.post('/readings/bulk', express.json({ limit: MANY_BYTES }), (request, response: Reply) => {
  const given = readings.safeParse(request.body);
  if (given.success) response.status(201).json({ kept: store(given.data, response.locals.user.sub) });
  else response.status(422).json({ errors: given.error.issues });
});

app.listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
