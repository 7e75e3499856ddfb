import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { anyImplies, BUILT_IN_ROLES, catalogueOf, implies, mayGive } from './permissions.ts';

const word = fc.stringMatching(/^[a-z_]{1,8}$/);
const permission = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(':'));

test('a permission implies itself and all that is narrower, and nothing that is broader or beside it', () => {
  fc.assert(
    fc.property(permission, word, (broad, more) => {
      const narrow = `${broad}:${more}`;
      assert.equal(implies(broad, broad), true);
      assert.equal(implies(broad, narrow), true);
      assert.equal(implies(narrow, broad), false);
      assert.equal(implies(broad, `${broad}${more}`), false, 'a longer word is another word');
    }),
  );
});

test('implying is transitive, and holding nothing implies nothing', () => {
  fc.assert(
    fc.property(permission, permission, permission, (a, b, c) => {
      if (implies(a, b) && implies(b, c)) assert.equal(implies(a, c), true);
      assert.equal(anyImplies([], a), false);
      assert.equal(anyImplies([a, b], c), implies(a, c) || implies(b, c));
    }),
  );
});

test('the four built-in roles hold what they hold and no more', () => {
  assert.deepEqual(BUILT_IN_ROLES, {
    admin: ['read', 'write', 'delete', 'admin'],
    analyst: ['read', 'write', 'analyze'],
    viewer: ['read'],
    meter_reader: ['read', 'write:meter_data'],
  });
});

test('an administrator may give all that a tenant has, and nothing that reaches past it', () => {
  const { admin = [] } = BUILT_IN_ROLES;
  for (const [, held] of Object.entries(BUILT_IN_ROLES)) for (const each of held) assert.ok(mayGive(admin, each), each);
  for (const far of ['platform', 'platform:tenants']) assert.equal(mayGive(admin, far), false);
  assert.equal(mayGive(['admin:users', 'admin:api_keys', 'read'], 'write'), false, 'a part of admin is not all of it');
  assert.equal(mayGive(['platform'], 'platform:tenants'), true);
});

// Attack: a scope is named like something that every object has.
test('the catalogue knows what is asked for and nothing else', () => {
  const catalogue = catalogueOf(['read:meter_data']);
  assert.deepEqual([...catalogue].sort(), ['admin', 'analyze', 'delete', 'read', 'read:meter_data', 'write']);
  for (const name of ['__proto__', 'constructor', 'toString', '', 'read:', ':read', 'READ', 'read ', 'platform']) {
    assert.equal(catalogue.has(name), false);
  }
});
