import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { argon2Sync, createHash, pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { hash as bcryptHash } from '@node-rs/bcrypt';
import fc from 'fast-check';
import { isFault } from '../kernel/errors.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createHashQueue, createPasswordHasher } from './password-hash.ts';
import { type HashScheme, readPasswordHash } from './password-schemes.ts';

const random = createSystemRandom();
const hasher = createPasswordHasher({ random });

/** @see passlib 1.7.4, passlib/tests; Django 5, tests/auth_tests/test_hashers.py */
const PUBLISHED = [
  ['password', '$bcrypt-sha256$2a,5$5Hg1DKFqPE8C2aflZ5vVoe$12BjNE0p7axMg55.Y/mHsYiVuFBDQyu'],
  ['', '$bcrypt-sha256$2a,5$E/e/2AOhqM5W/KJTFQzLce$F6dYSxOdAEoJZO2eoHUZWZljW/e0TXO'],
  ['', '$bcrypt-sha256$v=2,t=2b,r=5$E/e/2AOhqM5W/KJTFQzLce$WFPIZKtDDTriqWwlmRFfHiOTeheAZWe'],
  ['password', '$bcrypt-sha256$v=2,t=2b,r=5$5Hg1DKFqPE8C2aflZ5vVoe$wOK1VFFtS8IGTrGa7.h5fs0u84qyPbS'],
  ['password', '$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI'],
  ['password', '$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M'],
  [
    'l\u00e8tmein',
    'scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==',
  ],
] as const;
for (const [password, stored] of PUBLISHED) {
  test(`the published hash ${stored.slice(0, 36)} verifies for its password alone`, async () => {
    assert.equal(await hasher.verify(stored, password), true);
    assert.equal(await hasher.verify(stored, `${password}x`), false);
  });
}

test('the hashes that Django makes of bcrypt verify, pre-hashed or not, whatever the length where it pre-hashes', async () => {
  const plain = await bcryptHash('horse', { cost: 4 });
  assert.equal(await hasher.verify(`bcrypt$${plain}`, 'horse'), true);
  const long = 'x'.repeat(100);
  const hex = createHash('sha256').update(long).digest('hex');
  const stored = `bcrypt_sha256$${await bcryptHash(hex, { cost: 4 })}`;
  assert.equal(await hasher.verify(stored, long), true);
  assert.equal(await hasher.verify(stored, `${long}y`), false);
});

const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
const SALT = Buffer.from('0123456789abcdef');
const argon2i = (): string => {
  const tag = argon2Sync('argon2i', {
    message: 'horse',
    nonce: SALT,
    memory: 64,
    passes: 2,
    parallelism: 1,
    tagLength: 32,
  });
  return `$argon2i$v=19$m=64,t=2,p=1$${b64(SALT)}$${b64(tag)}`;
};

test("Django's argon2 and passlib's PBKDF2 with SHA-1 verify", async () => {
  const sha1 = b64(pbkdf2Sync('horse', SALT, 1_212, 20, 'sha1')).replaceAll('+', '.');
  for (const stored of [`argon2${argon2i()}`, argon2i(), `$pbkdf2$1212$${b64(SALT).replaceAll('+', '.')}$${sha1}`]) {
    assert.equal(await hasher.verify(stored, 'horse'), true, stored);
    assert.equal(await hasher.verify(stored, 'house'), false, stored);
  }
});

const python = (code: string): string =>
  execFileSync('python3', ['-c', code], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
function hasWerkzeug(): boolean {
  try {
    return python('import werkzeug.security; print(1)') === '1';
  } catch {
    return false;
  }
}
const skip = hasWerkzeug() ? false : 'no python3-werkzeug on this machine';

test('Werkzeug verifies what we write for it, and we what it writes', { skip }, async () => {
  const ours = await hasher.hash('Gwangyang steel 7', { kind: 'werkzeug-scrypt' });
  assert.match(ours, /^scrypt:32768:8:1\$[0-9a-f]{32}\$[0-9a-f]{128}$/);
  const check = (password: string) =>
    python(`import werkzeug.security as s; print(s.check_password_hash('${ours}', '${password}'))`);
  assert.deepEqual([check('Gwangyang steel 7'), check('Gwangyang steel 8')], ['True', 'False']);
  for (const method of ['scrypt', 'pbkdf2', 'pbkdf2:sha512:1000']) {
    const theirs = python(`import werkzeug.security as s; print(s.generate_password_hash('Steel 7', '${method}'))`);
    assert.equal(await hasher.verify(theirs, 'Steel 7'), true, theirs);
    assert.equal(await hasher.verify(theirs, 'steel 7'), false, theirs);
  }
});

test('the salted SHA-256 of old Werkzeug is an HMAC keyed by the salt', { skip }, async () => {
  const code =
    "import hmac; print('sha256$AbCd1234$' + hmac.new(b'AbCd1234', 'pässword'.encode(), 'sha256').hexdigest())";
  const stored = python(code);
  assert.equal(await hasher.verify(stored, 'p\u00e4ssword'), true);
  assert.equal(await hasher.verify(stored, 'password'), false);
});

// Attack: a planted hash asks for days of work, terabytes of memory, or a parser that never ends.
test('what asks for absurd work is refused in no time, and so is what no system writes', async () => {
  const tag = 'ab'.repeat(32);
  const tag64 = 'ab'.repeat(64);
  const absurd = [
    `pbkdf2:sha256:99999999999$salt$${tag}`,
    `scrypt:1048576:8:1$salt$${tag64}`,
    `scrypt:32767:8:1$salt$${tag64}`,
    `scrypt:2:1:9999$salt$${tag64}`.replace('2:1:9999', '1024:8:9999'),
    `$2b$31$${'.'.repeat(53)}`,
    `$2b$00$${'.'.repeat(53)}`,
    '$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$gwQOXSNhxiOxPOA0+PY10A',
    'pbkdf2_sha256$99999999999$salt$q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=',
    '$scrypt$ln=31,r=8,p=1$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI',
  ];
  const unknown = [
    '',
    'plain$$password',
    `sha256$$${tag}`,
    `sha256$salt$${tag}00`,
    `sha256$salt$${tag.slice(2)}`,
    `pbkdf2:sha256:0$salt$${tag}`,
    `pbkdf2:sha256:1e3$salt$${tag}`,
    `pbkdf2:sha256:1000$sa$lt$${tag}`,
    `sha256$salt$${tag}\n`,
    'x'.repeat(1_000_000),
    `$2b$12$${'.'.repeat(500_000)}`,
    '!',
  ];
  const full = createPasswordHasher({ random, queue: createHashQueue({ concurrency: 1, queueLimit: 0 }) });
  const busy = full.hash('horse');
  for (const [kind, texts] of [
    ['absurd', absurd],
    ['unknown', unknown],
  ] as const) {
    for (const text of texts) {
      const before = process.threadCpuUsage(); // a busy machine, and the hash that runs beside, are not its work
      assert.equal(readPasswordHash(text).kind, kind, text.slice(0, 60));
      assert.equal(await full.verify(text, 'password'), false);
      const { user, system } = process.threadCpuUsage(before);
      assert.ok(user + system < 50_000, text.slice(0, 60));
    }
  }
  await busy;
});

test('reading a hash ends, and never throws, whatever is stored', () => {
  const bit = fc.constantFrom(
    '$',
    ':',
    'pbkdf2',
    'scrypt',
    'sha256',
    '2b',
    'argon2id',
    'v=19',
    'm=',
    '12',
    '.',
    'aa',
    '=',
    ',',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(bit, fc.string()), { maxLength: 40 }), (parts) => {
      assert.ok(['read', 'unknown', 'absurd'].includes(readPasswordHash(parts.join('')).kind));
    }),
  );
});

const argon2id: HashScheme = { kind: 'argon2id' };
const scrypt: HashScheme = { kind: 'werkzeug-scrypt' };
const bcrypt = (cost: number): HashScheme => ({ kind: 'bcrypt', cost });

test('a hash rises to the wished form and never falls to a weaker one', async () => {
  const held = {
    argon2id: await hasher.hash('horse'),
    scrypt: await hasher.hash('horse', scrypt),
    bcrypt10: await hasher.hash('horse', bcrypt(10)),
    bcrypt4: await bcryptHash('horse', { cost: 4 }),
    sha256: `sha256$salt$${'ab'.repeat(32)}`,
    pbkdf2: `pbkdf2:sha256:260000$salt$${'ab'.repeat(32)}`,
    weakScrypt: `scrypt:1024:8:2$salt$${'ab'.repeat(64)}`,
    argon2i: argon2i(),
  };
  const next = (stored: string, wish: HashScheme) => hasher.schemeFor(stored, 'horse', wish);
  for (const wish of [argon2id, scrypt, bcrypt(12)]) assert.equal(next(held.argon2id, wish), undefined);
  assert.deepEqual(
    [argon2id, scrypt, bcrypt(12)].map((wish) => next(held.scrypt, wish)),
    [argon2id, undefined, undefined],
  );
  assert.deepEqual(
    [bcrypt(12), bcrypt(10)].map((wish) => next(held.bcrypt10, wish)),
    [bcrypt(12), undefined],
  );
  assert.deepEqual(next(held.bcrypt10, scrypt), scrypt);
  assert.deepEqual(next(held.bcrypt4, bcrypt(10)), bcrypt(10));
  for (const wish of [argon2id, scrypt, bcrypt(12)]) {
    assert.deepEqual([next(held.sha256, wish), next(held.pbkdf2, wish)], [wish, wish]);
  }
  assert.deepEqual(next(held.weakScrypt, bcrypt(12)), scrypt);
  assert.deepEqual(next(held.argon2i, bcrypt(12)), argon2id);
});

// Attack: whoever knows the first 72 bytes of a long password has all of it that bcrypt kept (X28).
test('bcrypt hashes no password that it would cut, and what another system cut is made anew whole', async () => {
  const long = 'ä'.repeat(37);
  await assert.rejects(hasher.hash(long, bcrypt(10)), (error) => {
    assert.ok(isFault(error, 'CRYPTO_PASSWORD_TOO_LONG'));
    assert.deepEqual([error.kind, error.facts], ['unprocessable', { most_bytes: 72 }]);
    return true;
  });
  const cut = await bcryptHash(long, { cost: 10 });
  assert.equal(await hasher.verify(cut, long), true);
  assert.deepEqual(hasher.schemeFor(cut, long, bcrypt(10)), argon2id);
  assert.deepEqual(hasher.schemeFor(`sha256$salt$${'ab'.repeat(32)}`, long, bcrypt(10)), argon2id);
});

test('each scheme writes what it reads, with a salt of its own, and a cost out of bounds is refused', async () => {
  for (const scheme of [argon2id, scrypt, bcrypt(10)]) {
    const [a, b] = await Promise.all([hasher.hash('Å horse', scheme), hasher.hash('Å horse', scheme)]);
    assert.notEqual(a, b);
    assert.equal(await hasher.verify(a, 'A\u030a horse'), true);
    assert.equal(await hasher.verify(a, 'a horse'), false);
    assert.equal(await hasher.pretend('horse', scheme), false);
  }
  for (const cost of [4, 9, 16, 31]) {
    await assert.rejects(hasher.hash('horse', bcrypt(cost)), (error) => isFault(error, 'CRYPTO_COST_REFUSED'));
  }
});

// Attack: names whose hash takes no work, or that have none, are told from others by the time of the refusal.
test('a check does the work of a sign-in whatever is stored', async () => {
  const full = createPasswordHasher({ random, queue: createHashQueue({ concurrency: 1, queueLimit: 0 }) });
  const busy = full.hash('horse');
  for (const stored of [undefined, '!', `sha256$salt$${'ab'.repeat(32)}`]) {
    await assert.rejects(full.check(stored, 'horse'), (error) => isFault(error, 'CRYPTO_BUSY'));
  }
  await assert.doesNotReject(busy);
  assert.equal(await full.check('!', 'horse'), false);
  assert.equal(await full.check(await full.hash('horse'), 'horse'), true);
});

// Attack: a profile hashes by a bcrypt that takes seconds, and a quick refusal tells accounts that others made.
test('a wrong password for a cheap hash costs what an unknown name costs, where that is dear', async () => {
  const queue = createHashQueue();
  let runs = 0;
  const counting = {
    ...queue,
    run: <T>(work: () => Promise<T>): Promise<T> => {
      runs++;
      return queue.run(work);
    },
  };
  const counted = createPasswordHasher({ random, queue: counting });
  const runsOf = async (text: string | undefined, cost: number): Promise<number> => {
    runs = 0;
    assert.equal(await counted.check(text, 'wrong', { kind: 'bcrypt', cost }), false);
    return runs;
  };
  const ten = await bcryptHash('horse', { cost: 10 });
  assert.equal(await runsOf(undefined, 13), 1);
  assert.equal(await runsOf(argon2i(), 13), 2, 'its own, and that of nobody');
  assert.equal(await runsOf(ten, 13), 4, 'of 10, 11 and 12 beside its own, which is one of 13');
  assert.equal(await runsOf(ten, 12), 1, 'what is evened out costs nothing more');
});
