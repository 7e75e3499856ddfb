import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConfigInput } from '../../src/app/index.ts';
import { KIT_PASSWORD, type PostgresServer } from '../../src/testing/index.ts';
import { ATTACKS } from './attack-while-away.ts';
import { gatewayTo, writeConfig } from './gateway-victim.ts';
import { postgresPlace } from './places.ts';
import { startVictim, type Victim } from './start-victim.ts';

/** What one key may ask in a minute; the run is shorter than that. */
export const BUDGET = 60;
/** How long anything may take to be known at both nodes. */
const KNOWN_MS = 1_000;
const BLOCKED = '203.0.113.9';
const PACE_MS = 20;

const configOf = (backEnd: string): ConfigInput => ({
  trustedProxies: ['127.0.0.1'], // each request names an address of its own
  limits: {
    principalPerMinute: BUDGET,
    signInPerAccount: 10_000,
    signInPerAddress: 10_000,
    addressPerMinute: 100_000,
    badCredentialsPerAddress: 100_000,
  },
  detection: { inspection: { mode: 'block' } },
  gateway: { ...gatewayTo(backEnd), routes: [{ path: '/twin/*', to: 'twin', detection: 'block' }] },
});

/** Two whole processes on one PostgreSQL and one Redis; limits, detection, blocks and anomalies are on. */
export async function startNodes(server: PostgresServer, redisUrl: string, backEnd: string): Promise<Nodes> {
  const places = [await postgresPlace(server), await postgresPlace(server)];
  const shared = {
    ...places[0]?.setting.env,
    TWINKEEP_REDIS_URL: redisUrl,
    TWINKEEP_LIMITS: 'on',
    TWINKEEP_MASTER_KEY: randomBytes(32).toString('base64'),
    TWINKEEP_ISSUER: 'https://twin.example',
  };
  const victims: Victim[] = [];
  for (const place of places) {
    const TWINKEEP_CONFIG = writeConfig(place, configOf(backEnd));
    victims.push(await startVictim({ data: place.setting.data, env: { ...shared, TWINKEEP_CONFIG } }));
  }
  return {
    victims,
    stop: async () => {
      for (const victim of victims) await victim.kill('SIGKILL');
      for (const place of places) await place.remove();
    },
  };
}

export interface Nodes {
  readonly victims: readonly Victim[];
  stop(): Promise<void>;
}

interface Asked {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly key?: string | undefined;
  readonly from?: string;
  readonly body?: unknown;
}

interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** What was seen while the load ran. */
export interface Seen {
  /** Answers by status, of whoever does nothing wrong. */
  readonly honest: Map<number, number>;
  /** What the key got, at each node. */
  readonly granted: number[];
  /** Each is a sentence. */
  readonly wrongs: string[];
  readonly revoked: number;
  readonly looks: number;
  /** Of each answer but those to a sign-in, which is a hash. */
  readonly tookMs: number[];
  /** Of each attack. */
  readonly refusedMs: number[];
}

export interface Load {
  readonly seen: Seen;
  /** Ends a session at the first node; from a second on it must be good nowhere. */
  revoke(): Promise<void>;
  /** Attacks from an address at one node until it is blocked; from a second on it must be so at both. */
  attackFrom(address: string): Promise<void>;
  /** The same with the token of a person, up to three times. */
  attackAs(): Promise<void>;
  end(): Promise<void>;
}

/** Somebody honest, a key that asks for all it can get, and whoever may not come in, all at once and all the time. */
export async function startLoad({ victims }: Nodes): Promise<Load> {
  const wrongs: string[] = [];
  const tookMs: number[] = [];
  const seen = {
    honest: new Map<number, number>(),
    granted: victims.map(() => 0),
    wrongs,
    revoked: 0,
    looks: 0,
    tookMs,
    refusedMs: [] as number[],
  };
  const revoked: { readonly token: string; readonly from: number }[] = [];
  const blocked: { readonly address: string; readonly from: number }[] = [];
  let ended = false;

  const ask = async (node: number, path: string, asked: Asked = {}): Promise<Told> => {
    const begun = performance.now();
    const { method = 'GET', token, key, from = '198.51.100.1', body } = asked;
    const response = await fetch((victims[node]?.address ?? '') + path, {
      method,
      headers: {
        'x-forwarded-for': from,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(key === undefined ? {} : { 'x-api-key': key }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = await response.json().catch(() => undefined);
    if (path !== '/v1/login') tookMs.push(performance.now() - begun);
    if (response.status >= 500) wrongs.push(`${method} ${path}: ${response.status} ${JSON.stringify(json)}`);
    return { status: response.status, json };
  };
  const signIn = async (username = 'admin'): Promise<string> =>
    (await ask(0, '/v1/login', { method: 'POST', body: { username, password: KIT_PASSWORD } })).json.access_token;

  const admin = await signIn();
  const createPerson = async (username: string): Promise<void> => {
    const body = { username, password: KIT_PASSWORD, roles: ['viewer'] };
    assert.equal((await ask(0, '/v1/users', { method: 'POST', token: admin, body })).status, 201);
  };
  for (const username of ['honest', 'attacker1', 'attacker2', 'attacker3']) await createPerson(username);
  const made = await ask(0, '/v1/api-keys', {
    method: 'POST',
    token: admin,
    body: { name: 'g', scopes: ['read:meter_data'] },
  });
  const key = String(made.json.key);
  const honest = await signIn('honest');

  const each = async (everyMs: number, work: (node: number) => Promise<void>): Promise<void> => {
    for (let turn = 0; !ended; turn++) {
      await work(turn % victims.length).catch((error: unknown) => wrongs.push(String(error)));
      await pause(everyMs);
    }
  };
  const loops = [
    each(1_500, async (node) => {
      const { status } = await ask(node, '/twin/x', { token: honest });
      seen.honest.set(status, (seen.honest.get(status) ?? 0) + 1);
    }),
    each(PACE_MS, async (node) => {
      const { status } = await ask(node, '/v1/readings', { key });
      if (status === 200) seen.granted[node] = (seen.granted[node] ?? 0) + 1;
      else if (status !== 429) wrongs.push(`the key was answered ${status}`);
    }),
    each(PACE_MS, async (node) => {
      for (const { token, from } of revoked) {
        if (performance.now() < from) continue;
        const { status } = await ask(node, '/v1/me', { token });
        seen.looks++;
        if (status !== 401) wrongs.push(`a token that was revoked was answered ${status} at node ${node}`);
      }
    }),
    each(PACE_MS, async (node) => {
      for (const { address, from } of blocked) {
        if (performance.now() < from) continue;
        const { status, json } = await ask(node, '/v1/me', { from: address });
        seen.looks++;
        if (json?.code !== 'DETECTION_BLOCKED') wrongs.push(`${address} was answered ${status} at node ${node}`);
      }
    }),
  ];
  const attack = async (asked: Asked): Promise<void> => {
    for (const one of ATTACKS) {
      const begun = performance.now();
      const { status } = await ask(0, `/twin/x?${one}`, asked);
      assert.ok(status === 403 || (status === 401 && asked.token !== undefined), `${one} was answered ${status}`);
      seen.refusedMs.push(performance.now() - begun);
    }
  };
  let attackers = 0;
  const load: Load = {
    seen,
    revoke: async () => {
      const token = await signIn();
      assert.equal((await ask(1, '/v1/me', { token })).status, 200);
      assert.equal((await ask(0, '/v1/logout', { method: 'POST', token })).status, 204);
      revoked.push({ token, from: performance.now() + KNOWN_MS });
      seen.revoked++;
    },
    attackFrom: async (from) => {
      await attack({ from });
      assert.equal((await ask(0, '/v1/me', { from })).json.code, 'DETECTION_BLOCKED');
      blocked.push({ address: from, from: performance.now() + KNOWN_MS });
    },
    attackAs: async () => {
      const token = await signIn(`attacker${++attackers}`);
      await attack({ token });
      const { status } = await ask(0, '/v1/me', { token });
      if (status !== 401 && status !== 403) wrongs.push(`whoever attacked was answered ${status}`);
    },
    end: async () => {
      ended = true;
      await Promise.all(loops);
    },
  };
  await load.attackFrom(BLOCKED);
  await load.revoke();
  return load;
}
