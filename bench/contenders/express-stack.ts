/**
 * The usual stack, written the way its documentation shows: Express 5, helmet, express-rate-limit on Redis,
 * jsonwebtoken (HS256, verified at each request), zod, and SQLite with a durable transaction for each request.
 *
 * Environment: PORT, JWT_SECRET, DATABASE (file), LIMITER (`off`, `memory` or a port of Redis).
 */
import { DatabaseSync } from 'node:sqlite';
import express, { type NextFunction, type Request, type Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import { Redis } from 'ioredis';
import jwt, { type JwtPayload } from 'jsonwebtoken';
import { type RedisReply, RedisStore } from 'rate-limit-redis';
import { z } from 'zod';

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

async function limiter() {
  // It counts each request and never refuses one: what is measured is the work, not the refusal.
  const settings = {
    windowMs: 60_000,
    limit: 1_000_000_000,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
  } as const;
  if (LIMITER === 'memory') return rateLimit(settings);
  const redis = new Redis({ host: '127.0.0.1', port: Number(LIMITER), lazyConnect: true });
  await redis.connect();
  const sendCommand = async (command: string, ...args: string[]): Promise<RedisReply> => {
    const reply = await redis.call(command, ...args);
    if (!isRedisReply(reply)) throw new TypeError('Redis answered with something else');
    return reply;
  };
  return rateLimit({ ...settings, store: new RedisStore({ sendCommand }) });
}

function isRedisReply(reply: unknown): reply is RedisReply {
  return typeof reply === 'string' || typeof reply === 'number' || Array.isArray(reply);
}

interface SignedIn {
  user: JwtPayload;
}
type Reply = Response<unknown, SignedIn>;

function authenticate(request: Request, response: Reply, next: NextFunction): void {
  const token = /^Bearer (.+)$/.exec(request.get('authorization') ?? '')?.[1] ?? '';
  try {
    const payload = jwt.verify(token, JWT_SECRET, { algorithms: ['HS256'], issuer: 'bench', audience: 'bench' });
    if (typeof payload === 'string') throw new TypeError('a token of claims was expected');
    response.locals.user = payload;
  } catch {
    response.status(401).json({ error: 'invalid token' });
    return;
  }
  next();
}

const app = express();
app.use(helmet());
app.get('/ready', (_request, response) => {
  response.json({ status: 'ready' });
});
if (LIMITER !== 'off') app.use(await limiter());
app.use(authenticate);

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
