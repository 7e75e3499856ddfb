import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBase64url } from '../crypto/index.ts';
import { tenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

const tenant = tenantId('north');
const filter = { meterId: undefined, from: 0, to: 9 };
const key = { meterId: 'STEEL-01', at: 1_514_733_300_000 };

const refuses = (cursor: string): void =>
  assert.throws(
    () => decodeCursor(tenant, filter, cursor),
    (error) => isFault(error, 'READING_CURSOR'),
    cursor,
  );

test('a cursor leads back to its place', () => {
  assert.deepEqual(decodeCursor(tenant, filter, encodeCursor(tenant, filter, key)), key);
});

test('a cursor with any character altered, added or missing is refused', () => {
  const cursor = encodeCursor(tenant, filter, key);
  for (let at = 0; at < cursor.length; at++) {
    const other = cursor[at] === 'A' ? 'B' : 'A';
    refuses(cursor.slice(0, at) + other + cursor.slice(at + 1));
    refuses(cursor.slice(0, at) + cursor.slice(at + 1));
    refuses(`${cursor.slice(0, at)}A${cursor.slice(at)}`);
  }
  for (const junk of ['', '=', `${cursor}=`, `${cursor} `, 'null', '🏭']) refuses(junk);
});

test('a cursor of another version or made up by hand is refused', () => {
  const { v, ...body } = JSON.parse(Buffer.from(encodeCursor(tenant, filter, key), 'base64url').toString());
  assert.equal(v, 1);
  const refusedBodies = [
    { ...body, v: 2 },
    body,
    { ...body, v, more: 1 },
    { ...body, v, meter: 'other' },
    { ...body, v, meter: "'; drop table reading; --" },
    { ...body, v, at: body.at + 1 },
    { ...body, v, at: Number.MAX_SAFE_INTEGER },
    { ...body, v, at: 0.5 },
    [v],
    null,
  ];
  for (const refused of refusedBodies) refuses(encodeBase64url(Buffer.from(JSON.stringify(refused))));
});
