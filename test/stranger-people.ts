import assert from 'node:assert/strict';
import { Secret, TOTP } from 'otpauth';
import { type Answer, type Call, KIT_PASSWORD, type Kit } from '../src/testing/index.ts';
import { assertSame, codeOf, NOBODY } from './stranger-case.ts';

/** Somebody with an authenticator app, signed in with both factors just now. */
export interface Enrolled {
  readonly username: string;
  readonly token: string;
  readonly factorId: string;
  readonly backupCodes: readonly string[];
  /** A code that is good now and was not used yet. */
  code(): string;
}

/** What belongs to one person alone, administrators of the tenant included. */
export interface Belongings extends Enrolled {
  /** An app that waits for its first code, and that code. */
  readonly pendingId: string;
  pendingCode(): string;
  readonly deviceId: string;
  readonly sessionId: string;
  /** Of a sign-in that waits for the second factor. */
  readonly ticket: string;
  /** Whatever of this stands in an answer to somebody else was let out. */
  readonly marks: readonly string[];
}

/** Somebody else who is signed in and may do with their own things whatever can be done. */
export interface Intruder extends Enrolled {
  call(method: string, path: string, call?: Call): Promise<Answer>;
}

type PersonCase = (intruder: Intruder, own: Belongings, kit: Kit) => Promise<readonly Answer[]>;

/** A code is good a step before and after its own, so that all takes place in one moment of the clock. */
const STEP_MS = 30_000;
const NO_SESSION = '0'.repeat(32);

/** Gives a person an app, and signs them in with it. */
export async function enrol(kit: Kit, username: string): Promise<Enrolled> {
  const app = await beginApp(kit, await kit.signIn(username));
  const body = { code: app.code(-STEP_MS) };
  const token = await kit.signIn(username);
  const confirmed = await kit.call('POST', `/v1/mfa/factors/${app.id}/confirm`, { token, body });
  assert.equal(confirmed.status, 200, confirmed.text);
  const answer = { username, password: KIT_PASSWORD, code: app.code(0), remember_device: true };
  const signedIn = await kit.call('POST', '/v1/login', { body: answer });
  assert.equal(signedIn.status, 200, signedIn.text);
  const { backup_codes: backupCodes } = confirmed.json;
  const code = () => app.code(STEP_MS);
  return { username, token: signedIn.json.access_token, factorId: app.id, backupCodes, code };
}

interface App {
  readonly id: string;
  readonly secret: string;
  code(off: number): string;
}

async function beginApp(kit: Kit, token: string): Promise<App> {
  const begun = await kit.call('POST', '/v1/mfa/totp', { token, body: {} });
  assert.equal(begun.status, 201, begun.text);
  const { factor_id: id, secret } = begun.json;
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  return { id, secret, code: (off) => totp.generate({ timestamp: kit.clock.now() + off }) };
}

async function ticketOf(kit: Kit, username: string): Promise<string> {
  const begun = await kit.call('POST', '/v1/login', { body: { username, password: KIT_PASSWORD } });
  assert.equal(begun.status, 202, begun.text);
  return begun.json.second_factor.ticket;
}

export async function settlePerson(kit: Kit, username: string): Promise<Belongings> {
  const enrolled = await enrol(kit, username);
  const { token } = enrolled;
  const pending = await beginApp(kit, token);
  const ticket = await ticketOf(kit, username);
  const idsOf = async (path: string): Promise<readonly string[]> =>
    (await kit.call('GET', path, { token })).json.items.map(({ id }: { id: string }) => id);
  const devices = await idsOf('/v1/devices');
  const sessions = await idsOf('/v1/sessions');
  const ids = [enrolled.factorId, pending.id, pending.secret, ticket, ...devices, ...sessions];
  const marks = [...ids, ...enrolled.backupCodes];
  const { deviceId = '', sessionId = '' } = { deviceId: devices[0], sessionId: sessions[0] };
  assert.ok(deviceId !== '' && sessionId !== '');
  return { ...enrolled, pendingId: pending.id, pendingCode: () => pending.code(0), deviceId, sessionId, ticket, marks };
}

/** All that a person sees of their own account. */
export async function viewOfPerson(kit: Kit, { token }: Enrolled): Promise<readonly string[]> {
  const paths = ['/v1/me', '/v1/mfa', '/v1/mfa/backup-codes', '/v1/devices', '/v1/sessions'];
  const shown = await Promise.all(paths.map((path) => kit.call('GET', path, { token })));
  for (const { status, text } of shown) assert.equal(status, 200, text);
  return shown.map(({ text }) => text);
}

const shows =
  (path: string): PersonCase =>
  async ({ call }) => {
    const shown = await call('GET', path);
    assert.equal(shown.status, 200, shown.text);
    return [shown];
  };

/** The same request for what is somebody else's and for what does not exist. */
const asUnknown =
  (
    method: string,
    code: string,
    pathOf: (id: string) => string,
    idOf: (own: Belongings) => string,
    body?: BodyOf,
  ): PersonCase =>
  async ({ call }, own) => {
    const more = body === undefined ? {} : { body: body(own) };
    const foreign = await call(method, pathOf(idOf(own)), more);
    const unknown = await call(method, pathOf(idOf(own).length === NO_SESSION.length ? NO_SESSION : NOBODY), more);
    return assertSame(foreign, unknown, 404, code);
  };
type BodyOf = (own: Belongings) => object;

const FACTOR = 'MFA_FACTOR_UNKNOWN';
const factors = '/v1/mfa/factors';

/** A case for each route by which a person acts on what is their own, and names it by an id, a ticket or a code. */
export const PERSON_CASES: Readonly<Record<string, PersonCase>> = {
  'GET /v1/mfa': shows('/v1/mfa'),
  'GET /v1/mfa/backup-codes': shows('/v1/mfa/backup-codes'),
  'GET /v1/devices': shows('/v1/devices'),
  'GET /v1/sessions': shows('/v1/sessions'),
  'GET /v1/csrf': shows('/v1/csrf'),

  'DELETE /v1/mfa/factors/:id': async (...given) => [
    ...(await asUnknown(
      'DELETE',
      FACTOR,
      (id) => `${factors}/${id}`,
      ({ factorId }) => factorId,
    )(...given)),
    ...(await asUnknown(
      'DELETE',
      FACTOR,
      (id) => `${factors}/${id}`,
      ({ pendingId }) => pendingId,
    )(...given)),
  ],
  'POST /v1/mfa/factors/:id/code': asUnknown(
    'POST',
    FACTOR,
    (id) => `${factors}/${id}/code`,
    ({ factorId }) => factorId,
  ),
  // The code is right: it is the person who is not.
  'POST /v1/mfa/factors/:id/confirm': asUnknown(
    'POST',
    FACTOR,
    (id) => `${factors}/${id}/confirm`,
    ({ pendingId }) => pendingId,
    ({ pendingCode }) => ({ code: pendingCode() }),
  ),
  'POST /v1/mfa/backup-codes': async ({ call }) => {
    const renewed = await call('POST', '/v1/mfa/backup-codes');
    assert.equal(renewed.status, 201, renewed.text);
    return [renewed];
  },
  'DELETE /v1/devices/:id': asUnknown(
    'DELETE',
    'SESSION_DEVICE_UNKNOWN',
    (id) => `/v1/devices/${id}`,
    ({ deviceId }) => deviceId,
  ),
  'DELETE /v1/sessions/:id': asUnknown(
    'DELETE',
    'SESSION_NOT_FOUND',
    (id) => `/v1/sessions/${id}`,
    ({ sessionId }) => sessionId,
  ),

  'POST /v1/step-up/challenge': async ({ call }, own) => {
    const ask = (factor_id: string) => call('POST', '/v1/step-up/challenge', { body: { factor_id } });
    return assertSame(await ask(own.factorId), await ask(NOBODY), 404, FACTOR);
  },
  // With the own password, and the code of somebody else's app.
  'POST /v1/step-up': async ({ call }, own) => {
    const body = { password: KIT_PASSWORD, code: own.code() };
    const named = await call('POST', '/v1/step-up', { body: { ...body, factor_id: own.factorId } });
    const unnamed = await call('POST', '/v1/step-up', { body });
    for (const answer of [named, unnamed]) assert.deepEqual(codeOf(answer), [401, 'MFA_CODE_WRONG']);
    return [named, unnamed];
  },
  'POST /v1/login/challenge': async (intruder, own, kit) => {
    const ticket = await ticketOf(kit, intruder.username);
    const ask = (factor_id: string) => kit.call('POST', '/v1/login/challenge', { body: { ticket, factor_id } });
    return assertSame(await ask(own.factorId), await ask(NOBODY), 404, FACTOR);
  },
  // The ticket of one and the factor of the other, either way round.
  'POST /v1/login/verify': async (intruder, own, kit) => {
    const verify = (body: object) => kit.call('POST', '/v1/login/verify', { body });
    const ticket = await ticketOf(kit, intruder.username);
    const answers = [
      await verify({ ticket: own.ticket, code: intruder.code() }),
      await verify({ ticket: own.ticket, code: intruder.code(), factor_id: intruder.factorId }),
      await verify({ ticket, code: own.code() }),
      await verify({ ticket, code: own.code(), factor_id: own.factorId }),
      await verify({ ticket, code: own.backupCodes[0], method: 'backup' }),
    ];
    for (const answer of answers) assert.deepEqual(codeOf(answer), [401, 'MFA_CODE_WRONG'], answer.text);
    return answers;
  },
};
