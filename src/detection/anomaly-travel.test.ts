import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KnownSpot, kmBetween, type Spot, visit } from './anomaly-travel.ts';

const at = (now: number, learning = false) => ({ now, learning, maxSpeedKmh: 900 });
const spot = (country: string, latitude: number, longitude: number, radiusKm = 10): Spot => ({
  country,
  name: country,
  point: { latitude, longitude, radiusKm },
});
const berlin = spot('DE', 52.52, 13.405);
const newYork = spot('US', 40.71, -74.01);
const losAngeles = spot('US', 34.05, -118.24);
const hour = 3_600_000;

function learned(...spots: readonly Spot[]): KnownSpot[] {
  const known: KnownSpot[] = [];
  for (const one of spots) visit(known, undefined, one, at(0, true));
  return known;
}

test('the way between two places is at least what lies between their circles', () => {
  const km = kmBetween(berlin.point, newYork.point);
  assert.ok(km && Math.abs(km - 6_365) < 15, String(km));
  assert.equal(kmBetween(berlin.point, { latitude: 52.5, longitude: 13.4, radiusKm: 50 }), 0);
  assert.equal(kmBetween(berlin.point, undefined), undefined);
});

test('six thousand kilometres in an hour are an impossible journey, in ten hours a new country', () => {
  assert.equal(visit(learned(berlin), undefined, newYork, at(hour)).kind, 'travel');
  assert.equal(visit(learned(berlin), undefined, newYork, at(10 * hour)).kind, 'place');
});

test('the radius of a place counts for its principal', () => {
  const near = spot('DE', 52.52, 16.5, 10); // 210 km
  assert.equal(visit(learned(berlin), undefined, near, at(60_000)).kind, 'travel');
  const vague = spot('DE', 52.52, 16.5, 150);
  assert.equal(visit(learned(berlin), undefined, vague, at(60_000)).kind, 'usual');
});

test('a VPN that was used while learning stays usual, however far it is', () => {
  const known = learned(berlin, newYork);
  for (let n = 1; n < 10; n++)
    assert.equal(visit(known, undefined, n % 2 === 0 ? berlin : newYork, at(n * 60_000)).kind, 'usual');
});

test('a place is told once', () => {
  const known = learned(berlin);
  assert.equal(visit(known, undefined, newYork, at(hour)).kind, 'travel');
  assert.equal(visit(known, undefined, berlin, at(hour + 1)).kind, 'usual');
  assert.equal(visit(known, undefined, newYork, at(hour + 2)).kind, 'again');
});

test('another city of a known country is a journey only where nobody travels so fast', () => {
  assert.equal(visit(learned(newYork), undefined, losAngeles, at(hour)).kind, 'travel');
  assert.equal(visit(learned(newYork), undefined, losAngeles, at(10 * hour)).kind, 'usual');
});

test('a database without coordinates tells countries', () => {
  const of = (country: string): Spot => ({ country, name: country });
  assert.equal(visit(learned(of('DE')), undefined, of('BR'), at(60_000)).kind, 'place');
  assert.equal(visit(learned(of('DE')), undefined, of('DE'), at(60_000)).kind, 'usual');
});

// Attack: the thief hops through many countries until home is forgotten and everything is as new as anything.
test('the places that are usual stay while others come and go', () => {
  const known = learned(berlin);
  for (let n = 0; n < 100; n++) visit(known, undefined, spot(`X${n}`, (n % 12) * 10 - 60, n), at((n + 1) * 100 * hour));
  assert.ok(known.length <= 8);
  assert.equal(visit(known, undefined, berlin, at(20_000 * hour)).kind, 'usual');
});
