import assert from 'node:assert/strict';
import { KIT_PASSWORD } from '../../src/testing/index.ts';
import { attempt } from './call.ts';
import type { Dice } from './dice.ts';
import type { PromisedSession } from './promises.ts';
import type { Site } from './write-readings.ts';

const ROLES = ['admin', 'viewer', 'meter_reader'] as const;

/** Creates one person after another, with roles. */
export async function writePeople(
  name: string,
  dice: Dice,
  { address, token, promises, running }: Site,
): Promise<void> {
  for (let count = 0; running(); count++) {
    const username = `${name}-${count}`;
    const roles = ROLES.filter(() => dice.chance(0.4));
    const body = { username, password: KIT_PASSWORD, roles };
    const outcome = await attempt(address, 'POST', '/v1/users', { token, body });
    const certain = outcome.kind === 'done';
    promises.people.set(username, { roles, certain });
    if (certain) promises.acknowledged++;
    else promises.unanswered++;
  }
}

/** Signs in, refreshes a few times, signs out or not, and begins anew. */
export async function writeSessions(dice: Dice, site: Site): Promise<void> {
  const { promises, running } = site;
  while (running()) {
    const session = await logIn(site);
    if (session === undefined) {
      promises.unansweredSignIns++;
      promises.unanswered++;
      continue;
    }
    promises.sessions.set(session.id, session);
    promises.acknowledged++;
    const refreshes = dice.between(0, 4);
    for (let count = 0; count < refreshes && running() && session.open === undefined; count++) {
      await refresh(session, site);
    }
    if (session.open === undefined && dice.chance(0.5)) await logOut(session, site);
  }
}

async function logIn({ address }: Site): Promise<PromisedSession | undefined> {
  const body = { username: 'admin', password: KIT_PASSWORD };
  const outcome = await attempt(address, 'POST', '/v1/login', { body });
  if (outcome.kind === 'unknown') return undefined;
  const { access_token: accessToken, refresh_token: refreshToken } = outcome.answer.json;
  const [cookie = ''] = (outcome.answer.headers.getSetCookie()[0] ?? '').split(';');
  const id = sessionOf(accessToken);
  return { id, accessToken, refreshToken, cookie, refreshed: 0, ended: false, open: undefined };
}

/** Trades the refresh token, with the device's secret. */
export async function refresh(session: PromisedSession, { address, promises }: Pick<Site, 'address' | 'promises'>) {
  const body = { refresh_token: session.refreshToken };
  const outcome = await attempt(address, 'POST', '/v1/token/refresh', { cookie: session.cookie, body });
  if (outcome.kind === 'unknown') {
    session.open = 'refresh';
    promises.unanswered++;
    return;
  }
  session.accessToken = outcome.answer.json.access_token;
  session.refreshToken = outcome.answer.json.refresh_token;
  session.refreshed++;
  promises.acknowledged++;
  assert.equal(sessionOf(session.accessToken), session.id);
}

async function logOut(session: PromisedSession, { address, promises }: Site): Promise<void> {
  const outcome = await attempt(address, 'POST', '/v1/logout', { token: session.accessToken });
  if (outcome.kind === 'unknown') {
    session.open = 'logout';
    promises.unanswered++;
    return;
  }
  session.ended = true;
  promises.acknowledged++;
}

/** The session that an access token names; its signature is the server's matter. */
function sessionOf(accessToken: string): string {
  const [, payload = ''] = accessToken.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).sid;
}
