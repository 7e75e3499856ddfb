import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anonymiseRecord, hashPii } from './anonymise.ts';

const SALT = 'pepper-2024';

test('a pseudonym is what hashlib makes of value and salt', () => {
  // python3: hashlib.sha256((value + salt).encode()).hexdigest()[:16]
  assert.equal(hashPii('ada@example.com', SALT), '8ef1b764c0b069d4');
  assert.equal(hashPii('Gwangyang, 1 Steel Rd. 광양', SALT), '6fce2050456f0ab6');
  assert.equal(hashPii('', SALT), '511739456c5bceab');
});

test('a number is taken as it is written, and an absent value stays absent', () => {
  const record = { customer_id: 4711, email: null, phone: undefined, meter: 4711 };
  const expected = { customer_id: '051c703906278595', email: null, phone: undefined, meter: 4711 };
  assert.deepEqual(anonymiseRecord(record, SALT), expected);
});

// Attack: what identifies a person is hidden in a form that a hash of text does not reach.
test('a personal value of another form is refused, never passed on', () => {
  for (const address of [{ street: 'Steel Rd.' }, ['Steel Rd.'], true, 4.5, Number.NaN, new String('Steel Rd.')]) {
    assert.throws(() => anonymiseRecord({ address }, SALT), TypeError);
  }
  assert.throws(() => hashPii('\ud800', SALT), TypeError);
  assert.throws(() => hashPii('\ud83d', '\udd0b'), TypeError, 'halves that would make a whole');
});

test('without a salt there are no pseudonyms, for anybody could look them up', () => {
  assert.throws(() => hashPii('ada@example.com', ''), TypeError);
  assert.throws(() => anonymiseRecord({}, ''), TypeError);
});

// Attack: a member called __proto__ becomes the prototype of the copy.
test('names that mean something to JavaScript are names like others', () => {
  const record: object = JSON.parse('{"__proto__": {"email": "ada@example.com"}, "email": "ada@example.com"}');
  const copy = anonymiseRecord(record, SALT);
  assert.deepEqual(Object.keys(copy), ['__proto__', 'email']);
  assert.equal(copy['email'], '8ef1b764c0b069d4');
  assert.equal(Object.getPrototypeOf(copy), Object.prototype);
});
