import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rateLimitHeaders } from './headers.ts';

const rule = { name: 'address', count: 100, windowMs: 3_600_000 };

test('an answer tells the tightest limit, what is left of it and when it is whole again', () => {
  assert.deepEqual(rateLimitHeaders({ rule, remaining: 50, resetMs: 29_001 }), [
    'RateLimit-Policy',
    '"address";q=100;w=3600',
    'RateLimit',
    '"address";r=50;t=30',
  ]);
});

test('a refusal tells the same of the limit that was exceeded', () => {
  const facts = { limit: 'address', quota: 100, window_s: 3_600, retry_after_s: 42 };
  assert.deepEqual(rateLimitHeaders(facts), [
    'RateLimit-Policy',
    '"address";q=100;w=3600',
    'RateLimit',
    '"address";r=0;t=42',
  ]);
  assert.deepEqual(rateLimitHeaders({ retry_after_s: 1 }), [], 'another error');
  assert.deepEqual(rateLimitHeaders({}), []);
});

// Attack: a name from a config or a path ends the header and begins another.
test('no name of a rule breaks out of its field', () => {
  const nameOf = (name: string) => rateLimitHeaders({ rule: { ...rule, name }, remaining: 1, resetMs: 1 })[3];
  assert.equal(nameOf('a"b\\c'), '"a\\"b\\\\c";r=1;t=1');
  assert.equal(nameOf('a\r\nSet-Cookie: x'), '"a??Set-Cookie: x";r=1;t=1');
  const names = fc.property(fc.string({ unit: 'binary' }), (name) => {
    assert.match(nameOf(name) ?? '', /^"([ !#-[\]-~]|\\["\\])*";r=1;t=1$/);
  });
  fc.assert(names);
});
