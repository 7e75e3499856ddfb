import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createPlace } from '../conformance/started.ts';

const MODULE = join(import.meta.dirname, '../../examples/python');
const python = spawnSync('python3', ['--version']).status === 0;
const FERNET = 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';

const SCRIPT = `
import sys
from twinkeep_fields import InvalidTag, Unavailable, TwinkeepFields, from_environment
fields = from_environment()
sealed = fields.seal("users", "email", 42, "vera@twin.example")
assert sealed.startswith("tk1.v_"), sealed
assert fields.open("users", "email", 42, sealed) == "vera@twin.example"
for wrong in (lambda: fields.open("users", "email", 43, sealed), lambda: fields.decrypt_data(sealed[:-2]), lambda: fields.decrypt_data("junk")):
    try:
        wrong()
    except InvalidTag:
        continue
    raise AssertionError("opened")
assert fields.decrypt_data(fields.encrypt_data("Zählerstand 7")) == "Zählerstand 7"
assert fields.decrypt_sensitive_field(fields.encrypt_sensitive_field("a", "phone"), "phone") == "a"
many = fields.seal_many([("users", "email", n, f"u{n}") for n in range(1500)])
assert fields.open_many([("users", "email", n, value) for n, value in enumerate(many)]) == [f"u{n}" for n in range(1500)]
large = fields.seal_many([("users", "note", n, "x" * 5000) for n in range(1000)])
assert len(large) == 1000
for bad in ("a\\0b", "x" * 70000):
    try:
        fields.seal_many([("users", "note", 1, bad)])
    except ValueError:
        continue
    raise AssertionError("sealed")
try:
    TwinkeepFields("http://127.0.0.1:1", "tk_none", "digital-twin-v2").encrypt_data("x")
except Unavailable:
    print("all is well")
`;

test('a Python back end seals and opens under the old names', {
  skip: !python && 'no python3 here',
}, async (t: TestContext) => {
  const place = createPlace(t);
  const server = await place.start();
  const key = place.write('fernet.key', FERNET);
  assert.equal((await place.cli.run(['keys', 'import', '--from', 'fernet', '--key-file', key])).code, 0);
  const made = await place.cli.run(['api-keys', 'create', 'twin', '--scope', 'seal:fields,open:fields', '--json']);
  const { key: apiKey } = JSON.parse(made.stdout);
  const script = join(place.folder, 'try.py');
  writeFileSync(script, SCRIPT);
  const env = { ...process.env, PYTHONPATH: MODULE, PYTHONDONTWRITEBYTECODE: '1', TWINKEEP_URL: server.address };
  const ran = spawnSync('python3', [script], {
    env: { ...env, TWINKEEP_API_KEY: apiKey },
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.deepEqual([ran.status, ran.stdout.trim()], [0, 'all is well'], ran.stderr);

  const none = spawnSync('python3', [script], {
    env: { ...env, TWINKEEP_API_KEY: '' },
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.match(none.stderr, /Required secret TWINKEEP_API_KEY not found/);
});
