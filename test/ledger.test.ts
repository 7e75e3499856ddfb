import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultTables, ledgerText } from '../src/app/index.ts';
import { createKit } from '../src/testing/index.ts';

/** The whole surface. A route that is new, or open to others than before, is a line that changes here. */
const SURFACE = `
method  path                    access                                 limits                              inspection         records  body
GET     /.well-known/jwks.json  public                                 general                             admits everything  none     none
GET     /docs                   public                                 general                             admits everything  none     none
GET     /health                 unlimited                              none                                none               none     none
GET     /metrics                unlimited                              none                                none               none     none
GET     /openapi.json           public                                 general                             admits everything  none     none
GET     /ready                  unlimited                              none                                none               none     none
GET     /v1/api-keys            admin:api_keys                         general                             admits everything  read     none
POST    /v1/api-keys            admin:api_keys, proved within 720 min  general; 60 per 60 s and principal  admits everything  change   JSON up to 1024 KiB
DELETE  /v1/api-keys/:id        admin:api_keys                         general                             admits everything  change   none
GET     /v1/audit/checkpoint    admin:audit                            general                             admits everything  none     none
GET     /v1/audit/entries       admin:audit                            general                             admits everything  read     none
GET     /v1/audit/proof         admin:audit                            general                             admits everything  none     none
POST    /v1/login               public                                 general                             admits everything  self     JSON up to 1024 KiB
POST    /v1/logout              person                                 general                             admits everything  change   none
GET     /v1/me                  signed in                              general                             admits everything  read     none
GET     /v1/readings            read:meter_data                        general                             admits everything  read     none
POST    /v1/readings            write:meter_data                       general                             admits everything  change   JSON up to 4096 KiB, stream of application/x-ndjson
DELETE  /v1/readings/:meter_id  delete:meter_data                      general                             admits everything  change   none
GET     /v1/sessions            person                                 general                             admits everything  read     none
DELETE  /v1/sessions/:id        person                                 general                             admits everything  change   none
GET     /v1/tenants             platform:tenants                       general                             admits everything  read     none
POST    /v1/tenants             platform:tenants                       general                             admits everything  change   JSON up to 1024 KiB
POST    /v1/token/refresh       public                                 general; 120 per 60 s and address   admits everything  none     JSON up to 1024 KiB
GET     /v1/users               admin:users                            general                             admits everything  read     none
POST    /v1/users               admin:users, proved within 720 min     general                             admits everything  change   JSON up to 1024 KiB
PATCH   /v1/users/:id           admin:users, proved within 720 min     general                             admits everything  change   JSON up to 1024 KiB
`;

/** Routes that ask nobody who they are. Each was thought over: \`because\` says why. */
const OPEN = [
  'GET /.well-known/jwks.json',
  'GET /docs',
  'GET /health',
  'GET /metrics',
  'GET /openapi.json',
  'GET /ready',
  'POST /v1/login',
  'POST /v1/token/refresh',
];

test('the surface is the one that was reviewed', async () => {
  const kit = await createKit();
  try {
    assert.equal(`\n${ledgerText(kit.twinkeep.ledger)}\n`, SURFACE);
  } finally {
    await kit.close();
  }
});

test('the routes that are open to everybody are those, and each says why', async () => {
  const kit = await createKit();
  try {
    const open = kit.twinkeep.routes.filter(({ access }) => access.kind === 'public' || access.kind === 'unlimited');
    assert.deepEqual(open.map(({ method, path }) => `${method} ${path}`).sort(), OPEN);
    for (const { access } of open) assert.ok('because' in access && access.because.length > 10);
  } finally {
    await kit.close();
  }
});

test('every route that changes something or reads what belongs to a tenant says that it is recorded', async () => {
  const kit = await createKit();
  try {
    for (const { method, path, access, records } of kit.twinkeep.routes) {
      if (access.kind === 'public' || access.kind === 'unlimited') continue;
      if (method !== 'GET') assert.equal(records, 'change', `${method} ${path}`);
      else assert.ok(records === 'read' || path.startsWith('/v1/audit/'), `${method} ${path}`);
    }
  } finally {
    await kit.close();
  }
});

test('every code that a route names is one of the tables, and no two routes share a method and path', async () => {
  const kit = await createKit();
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
