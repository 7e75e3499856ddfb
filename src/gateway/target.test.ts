import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFault } from '../kernel/errors.ts';
import { assertPlainTarget, createTwinCheck } from './target.ts';

const isRefused = (target: string): boolean => {
  try {
    assertPlainTarget(target);
    return false;
  } catch (error) {
    assert.ok(isFault(error, 'GATEWAY_TARGET'), String(error));
    assert.equal(typeof error.facts['position'], 'number');
    return true;
  }
};

const TRICKS = [
  ...[
    'http://other/x',
    '*',
    '',
    'api/x',
    '//x',
    '/api//x',
    '/x//',
    '/./x',
    '/x/.',
    '/x/..',
    '/../x',
    '/x/../y',
    '/x/./y',
  ],
  ...[
    '/x\\y',
    '/..\\x',
    '/x y',
    '/x\ty',
    '/x\r\nHost: y',
    '/x\0',
    '/caf\u00e9',
    '/\uff0e\uff0e/x',
    '/x\u007f',
    '/x#y',
    '/x?y#z',
  ],
  ...[
    '/x%2fy',
    '/x%2Fy',
    '/x%5cy',
    '/x%5Cy',
    '/%2e/x',
    '/%2E%2e/x',
    '/x/.%2e/y',
    '/x%00',
    '/x%0d%0ay',
    '/x%1f',
    '/x%7F',
  ],
  ...['/%61pi', '/a%70i', '/%41pi', '/x%2dy', '/x%5fy', '/x%7ey', '/x%39'],
  ...[
    '/x%',
    '/x%2',
    '/x%zz',
    '/x%2g',
    '/x%u002f',
    '/%c0%af',
    '/%c0%ae%c0%ae/',
    '/%e0%80%af',
    '/%ff',
    '/%252e%252e%252f',
    '/%2561',
  ],
  ...[
    '/api/..;/admin',
    '/api/;x/admin',
    '/api/admin;jsessionid=1/x',
    '/;',
    '/x;y',
    '/x"y',
    '/x<y',
    '/x{y}',
    '/x^y',
    '/x`y',
  ],
  ...['/x?a b', '/x?a\u00e9', '/x?\n', `/${'x'.repeat(8_192)}`, `/x?${'y'.repeat(8_192)}`],
];

// Attack: a path is spelt so that the policy sees one address and the back end another.
test('a target that two programs could read differently is refused', () => {
  for (const target of TRICKS) assert.ok(isRefused(target), JSON.stringify(target));
});

test('ordinary targets pass', () => {
  for (const target of [
    ...[
      '/',
      '/api/meters/STEEL-01',
      '/a.b/c..d/...x/.hidden',
      '/api/',
      '/x?a=1&b=/../x',
      '/x?q=%2F%2e',
      '/x?',
      '/x?y=[1]&z=a;b',
    ],
    ...[
      '/caf%C3%A9',
      '/a%20b',
      '/a%3Bb',
      '/a%26b',
      '/100%25',
      '/@user/$value/(1),*=+!',
      "/it's",
      '/a~b_c-d',
      '/a:b',
      '/[x]|y',
    ],
  ]) {
    assert.equal(isRefused(target), false, target);
  }
});

test('whatever passes reads the same to a parser of URLs', () => {
  const part = fc.constantFrom(
    '/',
    '.',
    '..',
    '%2e',
    '%2F',
    'a',
    'B',
    '%41',
    '%20',
    ';',
    '\\',
    '?',
    '#',
    '%',
    '//',
    'é',
    '@',
    ':',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const target = `/${parts.join('')}`;
      if (isRefused(target)) return;
      const url = new URL(target, 'http://x');
      assert.equal(url.host, 'x');
      assert.equal(url.pathname, target.split('?')[0]);
    }),
    { numRuns: 2_000 },
  );
});

// Attack: a back end that ignores case, as many do, takes `/api/ADMIN` for `/api/admin`, which the caller may not see.
test('a path that means another route in another spelling is refused', () => {
  const all = [
    { path: '/api/*', policy: 'signed-in' },
    { path: '/api/admin/*', policy: 'admin' },
    { path: '/api/keys', policy: 'admin' },
    { path: '/api/users/:id/secret', policy: 'admin' },
    { path: '/api/open', policy: 'signed-in' },
  ];
  const check = createTwinCheck({ path: '/api/*', policy: 'signed-in' }, all);
  for (const target of [
    '/api/ADMIN/x',
    '/api/Admin/',
    '/api/admin',
    '/api/ADMIN',
    '/api/admin?x=1',
    '/api/keys/',
    '/api/KEYS?x',
    '/api/users/7/Secret',
    '/api/users/7/secret/',
  ]) {
    assert.throws(() => check(target), { code: 'GATEWAY_TARGET' }, target);
  }
  for (const target of [
    '/api/x',
    '/api/administrators',
    '/api/users/7',
    '/api/keys/7',
    '/api/OPEN',
    '/api/open/',
    '/api/x?y=/api/ADMIN/',
  ]) {
    assert.doesNotThrow(() => check(target), target);
  }
});

test('an encoded sign of a literal path is seen through', () => {
  const check = createTwinCheck({ path: '/*', policy: 'a' }, [{ path: '/@root', policy: 'b' }]);
  assert.throws(() => check('/%40root'), { code: 'GATEWAY_TARGET' });
  assert.doesNotThrow(() => check('/%40route'));
});
