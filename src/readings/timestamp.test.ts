import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EARLIEST, LATEST, parseRfc3339 } from './timestamp.ts';

const twoDigits = (n: number) => String(n).padStart(2, '0');

test('a time is read as RFC 3339 writes it', () => {
  const times: readonly (readonly [string, string])[] = [
    ['1985-04-12T23:20:50.52Z', '1985-04-12T23:20:50.520Z'], // RFC 3339 §5.8
    ['1996-12-19T16:39:57-08:00', '1996-12-20T00:39:57.000Z'], // RFC 3339 §5.8
    ['1937-01-01T12:00:27.87+00:20', '1937-01-01T11:40:27.870Z'], // RFC 3339 §5.8
    ['2018-01-01T00:15:00+09:00', '2017-12-31T15:15:00.000Z'],
    ['2024-02-29t12:00:00z', '2024-02-29T12:00:00.000Z'],
    ['2000-02-29T00:00:00-00:00', '2000-02-29T00:00:00.000Z'],
    ['2024-01-01T00:00:00.123999Z', '2024-01-01T00:00:00.123Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['0099-12-31T23:59:59.9Z', '0099-12-31T23:59:59.900Z'],
  ];
  for (const [text, utc] of times) assert.equal(parseRfc3339(text), Date.parse(utc), text);
});

test('what is no time, or none that says its distance from UTC, is not read', () => {
  const refused = [
    '',
    '2024-01-01',
    '2024-01-01T00:00:00',
    '2024-01-01T00:00Z',
    '2024-01-01 00:00:00Z',
    '2024-1-1T00:00:00Z',
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00,5Z',
    '2024-01-01T00:00:00+0900',
    '2024-01-01T00:00:00+09',
    '2024-01-01T00:00:00+24:00',
    '2024-01-01T00:00:00+09:60',
    '2024-01-01T00:00:00 09:00',
    '2024-01-01T00:00:00Z\n',
    ' 2024-01-01T00:00:00Z',
    '٢٠٢٤-٠١-٠١T00:00:00Z',
    '+002024-01-01T00:00:00Z',
    '1704067200',
  ];
  for (const text of refused) assert.equal(parseRfc3339(text), undefined, text);
});

test('dates and times of day that do not exist are not read', () => {
  const refused = [
    '2024-02-30T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2024-04-31T00:00:00Z',
    '2024-00-10T00:00:00Z',
    '2024-13-10T00:00:00Z',
    '2024-01-00T00:00:00Z',
    '2024-01-32T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T23:60:00Z',
    '2016-12-31T23:59:60Z', // a leap second that did happen, for which there is no millisecond
    '0000-01-01T00:00:00+00:01', // the year before 0000 in UTC
    '9999-12-31T23:59:59-00:01',
  ];
  for (const text of refused) assert.equal(parseRfc3339(text), undefined, text);
});

test('any moment written with any offset and any number of digits is read as that moment', () => {
  const moment = fc.integer({ min: EARLIEST + 86_400_000, max: LATEST - 86_400_000 });
  const offset = fc.integer({ min: -1_439, max: 1_439 });
  fc.assert(
    fc.property(moment, offset, fc.stringMatching(/^\d{0,9}$/), (at, minutes, digits) => {
      const local = new Date(at + minutes * 60_000).toISOString().slice(0, -1);
      const zone = `${minutes < 0 ? '-' : '+'}${twoDigits(Math.floor(Math.abs(minutes) / 60))}:${twoDigits(Math.abs(minutes) % 60)}`;
      assert.equal(parseRfc3339(`${local}${digits}${zone}`), at);
    }),
  );
});

test('every day of 400 years exists as often as in the calendar of the runtime', () => {
  for (let year = 1899; year <= 2300; year++) {
    for (const day of ['02-28', '02-29', '02-30', '04-30', '04-31', '12-31']) {
      const text = `${year}-${day}T00:00:00Z`;
      const real = new Date(text);
      const exists = !Number.isNaN(real.getTime()) && real.toISOString().startsWith(text.slice(0, 10));
      assert.equal(parseRfc3339(text) !== undefined, exists, text);
    }
  }
});
