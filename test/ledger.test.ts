import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { faultTables, ledgerText } from '../src/app/index.ts';
import { createKit } from '../src/testing/index.ts';

/** The whole surface. A route that is new, or open to others than before, is a line that changes here. */
const SURFACE = `
method  path                                             access                                   limits                                 inspection            records  body
GET     /.well-known/assertion-jwks.json                 public                                   general                                block: head           none     none
GET     /.well-known/jwks.json                           public                                   general                                block: head           none     none
GET     /account/invitation                              public                                   general                                block: head           none     none
GET     /account/register                                public                                   general                                block: head           none     none
GET     /account/reset                                   public                                   general                                block: head           none     none
GET     /account/verify                                  public                                   general                                block: head           none     none
GET     /docs                                            public                                   general                                block: head           none     none
GET     /health                                          unlimited                                none                                   none                  none     none
GET     /metrics                                         unlimited                                none                                   none                  none     none
GET     /openapi.json                                    public                                   general                                block: head           none     none
GET     /ready                                           unlimited                                none                                   none                  none     none
GET     /v1/api-keys                                     admin:api_keys                           general                                block: head           read     none
POST    /v1/api-keys                                     admin:api_keys, proved within 720 min    general; 60 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
DELETE  /v1/api-keys/:id                                 admin:api_keys                           general                                block: head           change   none
POST    /v1/api-keys/import                              admin:api_keys, proved within 720 min    general; 10 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
GET     /v1/audit/checkpoint                             admin:audit                              general                                block: head           none     none
GET     /v1/audit/entries                                admin:audit                              general                                block: head           read     none
GET     /v1/audit/proof                                  admin:audit                              general                                block: head           none     none
GET     /v1/backups                                      platform:backups                         general                                block: head           read     none
POST    /v1/backups                                      platform:backups                         general                                block: head           change   none
POST    /v1/backups/:id/verify                           platform:backups                         general                                block: head           change   none
POST    /v1/backups/drill                                platform:backups                         general                                block: head           change   none
POST    /v1/backups/identity                             operator                                 general                                block: head           change   none
GET     /v1/blocks                                       platform:blocks                          general                                block: head           read     none
POST    /v1/blocks                                       platform:blocks                          general                                block: head and body  change   JSON up to 1024 KiB
DELETE  /v1/blocks/:id                                   platform:blocks                          general                                block: head           change   none
POST    /v1/config/reload                                platform:config                          general                                block: head           change   none
GET     /v1/csrf                                         person                                   general                                block: head           none     none
GET     /v1/deliveries                                   admin:webhooks                           general                                block: head           read     none
POST    /v1/deliveries/:id/retry                         admin:webhooks                           general; 120 per 60 s and principal    block: head           change   none
GET     /v1/detection/anomalies                          platform:blocks                          general                                block: head           read     none
DELETE  /v1/detection/baselines/:principal               platform:blocks                          general                                block: head           change   none
GET     /v1/detection/rules                              platform:blocks                          general                                block: head           read     none
GET     /v1/devices                                      person                                   general                                block: head           read     none
DELETE  /v1/devices/:id                                  person                                   general                                block: head           change   none
POST    /v1/email                                        person                                   general; 10 per 3600 s and principal   block: head and body  change   JSON up to 1024 KiB
POST    /v1/email/verification                           person                                   general; 10 per 3600 s and principal   block: head           self     none
POST    /v1/email/verify                                 public                                   general; 60 per 3600 s and address     block: head and body  self     JSON up to 1024 KiB
GET     /v1/invitations                                  admin:users                              general                                block: head           read     none
POST    /v1/invitations                                  admin:users, proved within 720 min       general; 200 per 3600 s and principal  block: head and body  change   JSON up to 1024 KiB
DELETE  /v1/invitations/:id                              admin:users                              general                                block: head           change   none
POST    /v1/invitations/accept                           person                                   general; 30 per 3600 s and principal   block: head and body  change   JSON up to 1024 KiB
POST    /v1/login                                        public                                   general                                block: head and body  self     JSON up to 1024 KiB
POST    /v1/login/challenge                              public                                   general                                block: head and body  self     JSON up to 1024 KiB
POST    /v1/login/enrol                                  public                                   general                                block: head and body  self     JSON up to 1024 KiB
POST    /v1/login/passkey                                public                                   general                                block: head and body  self     JSON up to 1024 KiB
POST    /v1/login/passkey/options                        public                                   general                                block: head           self     none
POST    /v1/login/verify                                 public                                   general                                block: head and body  self     JSON up to 1024 KiB
POST    /v1/logout                                       person                                   general                                block: head           change   none
POST    /v1/logout-all                                   person                                   general                                block: head           change   none
DELETE  /v1/me                                           person, proved within 10 min             general                                block: head           change   none
GET     /v1/me                                           signed in                                general                                block: head           read     none
GET     /v1/mfa                                          person                                   general                                block: head           read     none
GET     /v1/mfa/backup-codes                             person, second factor within 10 min      general                                block: head           read     none
POST    /v1/mfa/backup-codes                             person, second factor within 10 min      general; 60 per 3600 s and principal   block: head           change   none
POST    /v1/mfa/codes                                    person, proved within 10 min             general; 60 per 3600 s and principal   block: head and body  change   JSON up to 1024 KiB
DELETE  /v1/mfa/factors/:id                              person, second factor within 10 min      general                                block: head           change   none
POST    /v1/mfa/factors/:id/code                         person                                   general; 60 per 3600 s and principal   block: head           change   none
POST    /v1/mfa/factors/:id/confirm                      person, proved within 10 min             general; 10 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
POST    /v1/mfa/passkeys                                 person, proved within 10 min             general; 20 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
POST    /v1/mfa/passkeys/options                         person, proved within 10 min             general; 20 per 60 s and principal     block: head and body  none     JSON up to 1024 KiB
GET     /v1/mfa/policy                                   admin:users                              general                                block: head           read     none
PUT     /v1/mfa/policy                                   admin:users, proved within 10 min        general                                block: head and body  change   JSON up to 1024 KiB
POST    /v1/mfa/totp                                     person, proved within 10 min             general; 60 per 3600 s and principal   block: head and body  change   JSON up to 1024 KiB
POST    /v1/password                                     person                                   general; 20 per 3600 s and principal   block: head and body  change   JSON up to 1024 KiB
POST    /v1/password/check                               public                                   general; 60 per 60 s and address       block: head and body  none     JSON up to 1024 KiB
POST    /v1/password/forgot                              public                                   general; 30 per 3600 s and address     block: head and body  self     JSON up to 1024 KiB
POST    /v1/password/reset                               public                                   general; 60 per 3600 s and address     block: head and body  self     JSON up to 1024 KiB
GET     /v1/platform/audit                               platform:audit                           general                                block: head           read     none
POST    /v1/platform/logout-all                          platform:sessions, proved within 10 min  general                                block: head           change   none
GET     /v1/readings                                     read:meter_data                          general                                block: head           read     none
POST    /v1/readings                                     write:meter_data                         general                                block: head and body  change   JSON up to 4096 KiB, stream of application/x-ndjson
DELETE  /v1/readings/:meter_id                           delete:meter_data                        general                                block: head           change   none
GET     /v1/readings/stream                              read:meter_data                          general                                block: head           none     handed on, WebSockets too
POST    /v1/register                                     public                                   general; 30 per 3600 s and address     block: head and body  self     JSON up to 1024 KiB
GET     /v1/revocations                                  follow:revocations                       general                                block: head           none     none
GET     /v1/revocations/snapshot                         follow:revocations                       general; 600 per 60 s and principal    block: head           none     none
GET     /v1/revocations/stream                           follow:revocations                       general; 60 per 60 s and principal     block: head           none     handed on
GET     /v1/sessions                                     person                                   general                                block: head           read     none
DELETE  /v1/sessions/:id                                 person                                   general                                block: head           change   none
GET     /v1/sessions/analytics                           admin:users                              general                                block: head           read     none
GET     /v1/socket.io/                                   read:meter_data                          general                                block: head           none     handed on, WebSockets too
POST    /v1/socket.io/                                   read:meter_data                          general                                block: head           none     handed on
POST    /v1/step-up                                      person                                   general; 30 per 60 s and principal     block: head and body  self     JSON up to 1024 KiB
POST    /v1/step-up/challenge                            person                                   general; 30 per 60 s and principal     block: head and body  self     JSON up to 1024 KiB
POST    /v1/tenant/logout-all                            admin:users, proved within 10 min        general                                block: head           change   none
GET     /v1/tenants                                      platform:tenants                         general                                block: head           read     none
POST    /v1/tenants                                      platform:tenants                         general                                block: head and body  change   JSON up to 1024 KiB
GET     /v1/token-keys                                   platform:vault                           general                                block: head           read     none
POST    /v1/token-keys/rotate                            platform:vault, proved within 720 min    general; 10 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
POST    /v1/token/refresh                                public                                   general; 120 per 60 s and address      block: head and body  none     JSON up to 1024 KiB
POST    /v1/tokens/revoke                                admin:users                              general; 600 per 60 s and principal    block: head and body  change   JSON up to 1024 KiB
GET     /v1/users                                        admin:users                              general                                block: head           read     none
POST    /v1/users                                        admin:users, proved within 720 min       general                                block: head and body  change   JSON up to 1024 KiB
DELETE  /v1/users/:id                                    admin:users, proved within 10 min        general                                block: head           change   none
PATCH   /v1/users/:id                                    admin:users, proved within 10 min        general                                block: head and body  change   JSON up to 1024 KiB
POST    /v1/users/:id/compromised                        admin:users, proved within 10 min        general; 60 per 3600 s and principal   block: head and body  change   JSON up to 1024 KiB
DELETE  /v1/users/:id/factors                            admin:users, proved within 10 min        general                                block: head           change   none
POST    /v1/users/:id/logout-all                         admin:users, proved within 10 min        general                                block: head           change   none
DELETE  /v1/users/:id/membership                         admin:users, proved within 10 min        general                                block: head           change   none
PUT     /v1/users/:id/membership                         platform:tenants                         general                                block: head and body  change   JSON up to 1024 KiB
POST    /v1/users/:id/password-reset                     admin:users, proved within 10 min        general; 60 per 3600 s and principal   block: head           change   none
POST    /v1/users/:id/recovery                           admin:users, proved within 10 min        general; 60 per 3600 s and principal   block: head           change   none
POST    /v1/users/import                                 admin:users, proved within 720 min       general; 600 per 60 s and principal    block: head and body  change   JSON up to 1024 KiB
POST    /v1/users/import/undo                            admin:users, proved within 10 min        general; 600 per 60 s and principal    block: head and body  change   JSON up to 1024 KiB
POST    /v1/vault/index                                  seal:fields                              general                                block: head and body  read     JSON up to 512 KiB
GET     /v1/vault/keys                                   admin:vault                              general                                block: head           read     none
POST    /v1/vault/keys/:version/destroy                  platform:vault, proved within 720 min    general; 10 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
GET     /v1/vault/keys/all                               platform:vault                           general                                block: head           read     none
POST    /v1/vault/keys/import                            admin:vault, proved within 720 min       general; 10 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
POST    /v1/vault/keys/rotate                            admin:vault, proved within 720 min       general; 10 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
POST    /v1/vault/keys/rotate-all                        platform:vault, proved within 720 min    general; 10 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
GET     /v1/vault/master                                 platform:vault                           general                                block: head           read     none
POST    /v1/vault/master/rotate                          platform:vault, proved within 60 min     general; 10 per 60 s and principal     block: head           change   none
POST    /v1/vault/master/shares                          operator                                 general; 10 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
POST    /v1/vault/master/shares/confirm                  operator                                 general; 10 per 60 s and principal     block: head and body  change   JSON up to 1024 KiB
POST    /v1/vault/open                                   open:fields                              general                                block: head and body  read     JSON up to 512 KiB
POST    /v1/vault/open/batch                             open:fields                              general                                block: head and body  read     JSON up to 4096 KiB
GET     /v1/vault/rewrap                                 admin:vault                              general; 600 per 60 s and principal    block: head           read     none
POST    /v1/vault/rewrap                                 platform:vault                           general; 600 per 60 s and principal    block: head and body  change   JSON up to 1024 KiB
GET     /v1/vault/rewrap/all                             platform:vault                           general; 600 per 60 s and principal    block: head           read     none
POST    /v1/vault/rewrap/batch                           seal:fields                              general                                block: head and body  read     JSON up to 4096 KiB
POST    /v1/vault/seal                                   seal:fields                              general                                block: head and body  read     JSON up to 512 KiB
POST    /v1/vault/seal/batch                             seal:fields                              general                                block: head and body  read     JSON up to 4096 KiB
GET     /v1/webhooks                                     admin:webhooks                           general                                block: head           read     none
POST    /v1/webhooks                                     admin:webhooks                           general; 120 per 60 s and principal    block: head and body  change   JSON up to 1024 KiB
DELETE  /v1/webhooks/:id                                 admin:webhooks                           general                                block: head           change   none
GET     /v1/webhooks/:id                                 admin:webhooks                           general                                block: head           read     none
PATCH   /v1/webhooks/:id                                 admin:webhooks                           general; 120 per 60 s and principal    block: head and body  change   JSON up to 1024 KiB
GET     /v1/webhooks/:id/deliveries                      admin:webhooks                           general                                block: head           read     none
POST    /v1/webhooks/:id/deliveries/:delivery_id/replay  admin:webhooks                           general; 120 per 60 s and principal    block: head           change   none
POST    /v1/webhooks/:id/replay                          admin:webhooks                           general; 120 per 60 s and principal    block: head and body  change   JSON up to 1024 KiB
POST    /v1/webhooks/:id/rotate-secret                   admin:webhooks                           general; 120 per 60 s and principal    block: head           change   none
POST    /v1/webhooks/:id/test                            admin:webhooks                           general; 120 per 60 s and principal    block: head           change   none
`;

/** What the profile `ems` adds, and adds alone (E02, E04, E12, E13). */
const EMS = `
method  path                                             access                                   limits                                                                          inspection            records  body
POST    /api/v1/auth/login                               public                                   general; 100 per 3600 s and address without a key; 1000 per 3600 s and api-key  block: head and body  self     JSON up to 1024 KiB
POST    /api/v1/data                                     write:meter_data                         general; 100 per 3600 s and address without a key; 1000 per 3600 s and api-key  block: head and body  change   JSON up to 1024 KiB
DELETE  /api/v1/data/:meter_id                           delete                                   general; 100 per 3600 s and address without a key; 1000 per 3600 s and api-key  block: head           change   none
GET     /api/v1/data/:meter_id                           read:meter_data                          general; 100 per 3600 s and address without a key; 1000 per 3600 s and api-key  block: head           read     none
GET     /api/v1/data/secure                              signed in                                general; 100 per 3600 s and address without a key; 1000 per 3600 s and api-key  block: head           read     none
`;

/** Routes that ask nobody who they are. Each was thought over: \`because\` says why. */
const OPEN = [
  'GET /.well-known/assertion-jwks.json',
  'GET /.well-known/jwks.json',
  'GET /account/invitation',
  'GET /account/register',
  'GET /account/reset',
  'GET /account/verify',
  'GET /docs',
  'GET /health',
  'GET /metrics',
  'GET /openapi.json',
  'GET /ready',
  'POST /v1/email/verify',
  'POST /v1/login',
  'POST /v1/login/challenge',
  'POST /v1/login/enrol',
  'POST /v1/login/passkey',
  'POST /v1/login/passkey/options',
  'POST /v1/login/verify',
  'POST /v1/password/check',
  'POST /v1/password/forgot',
  'POST /v1/password/reset',
  'POST /v1/register',
  'POST /v1/token/refresh',
];

/** As a server does by itself; the kit looks for attacks only when asked. */
const INSPECTED = { detection: { inspection: { mode: 'block' } } } as const;

test('the surface is the one that was reviewed', async () => {
  const kit = await createKit({ config: INSPECTED });
  try {
    assert.equal(`\n${ledgerText(kit.twinkeep.ledger)}\n`, SURFACE);
  } finally {
    await kit.close();
  }
});

test('the profile ems adds its own paths, of which the sign-in alone is open, and changes no other', async () => {
  const logDirectory = mkdtempSync(join(tmpdir(), 'twinkeep-ems-'));
  const secret = 'Zk3rT8vQ1mXw6yB9cL2pF5sD7hJ0nG4aRuEoIxNq'; // of this test alone
  const kit = await createKit({
    config: { ...INSPECTED, profiles: ['twinkeep', 'ems'], profile: { ems: { secret, logDirectory } } },
  });
  try {
    const [head, ...lines] = ledgerText(kit.twinkeep.ledger).split('\n');
    const of = (own: boolean) => lines.filter((line) => /^\w+ +\/api\//.test(line) === own);
    assert.equal(`\n${[head, ...of(true)].join('\n')}\n`, EMS);
    const native = [head, ...of(false)].map((line) => line?.replace(/ {2,}/g, '  '));
    assert.deepEqual(native, SURFACE.trim().replace(/ {2,}/g, '  ').split('\n'));
    const own = kit.twinkeep.routes.filter(({ profile }) => profile === 'ems');
    assert.equal(own.length, of(true).length);
    const open = own.filter(({ access }) => access.kind === 'public' || access.kind === 'unlimited');
    assert.deepEqual(
      open.map(({ path }) => path),
      ['/api/v1/auth/login'],
    );
  } finally {
    await kit.close();
    rmSync(logDirectory, { recursive: true });
  }
});

test('the routes that are open to everybody are those, and each says why', async () => {
  const kit = await createKit({ config: INSPECTED });
  try {
    const open = kit.twinkeep.routes.filter(({ access }) => access.kind === 'public' || access.kind === 'unlimited');
    assert.deepEqual(open.map(({ method, path }) => `${method} ${path}`).sort(), OPEN);
    for (const { access } of open) assert.ok('because' in access && access.because.length > 10);
  } finally {
    await kit.close();
  }
});

/** They ask with a body, and change nothing that is kept here: what they hand back is the caller's to keep. */
const ASKING = [
  'POST /v1/vault/index',
  'POST /v1/vault/open',
  'POST /v1/vault/open/batch',
  'POST /v1/vault/rewrap/batch',
  'POST /v1/vault/seal',
  'POST /v1/vault/seal/batch',
];

/** Their rules record what is worth it, or they tell the caller nothing but what is the caller's own. */
const UNRECORDED = [
  'GET /v1/csrf',
  'GET /v1/readings/stream',
  'GET /v1/revocations',
  'GET /v1/revocations/snapshot',
  'GET /v1/revocations/stream',
  'POST /v1/email/verification',
  'GET /v1/socket.io/',
  'POST /v1/socket.io/',
  'POST /v1/mfa/passkeys/options',
  'POST /v1/step-up',
  'POST /v1/step-up/challenge',
];

test('every route that changes something or reads what belongs to a tenant says that it is recorded', async () => {
  const kit = await createKit({ config: INSPECTED });
  try {
    for (const { method, path, access, records } of kit.twinkeep.routes) {
      if (access.kind === 'public' || access.kind === 'unlimited') continue;
      if (ASKING.includes(`${method} ${path}`)) assert.equal(records, 'read', path);
      else if (UNRECORDED.includes(`${method} ${path}`)) assert.ok(records === 'self' || records === 'none', path);
      else if (method !== 'GET') assert.equal(records, 'change', `${method} ${path}`);
      else assert.ok(records === 'read' || path.startsWith('/v1/audit/'), `${method} ${path}`);
    }
  } finally {
    await kit.close();
  }
});

test('every code that a route names is one of the tables, and no two routes share a method and path', async () => {
  const kit = await createKit({ config: INSPECTED });
  try {
    const { routes } = kit.twinkeep;
    const names = routes.map(({ method, path }) => `${method} ${path}`);
    assert.equal(new Set(names).size, names.length);
    const codes = new Set(Object.values(faultTables).flatMap((table) => Object.keys(table)));
    for (const { path, faults } of routes) for (const code of faults) assert.ok(codes.has(code), `${path}: ${code}`);
  } finally {
    await kit.close();
  }
});
