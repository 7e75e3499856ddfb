import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressBlock, createAddressReader } from './address.ts';

const reader = createAddressReader(['10.0.0.0/8', '2001:db8:ffff::/48', '192.0.2.1']);

test('without a trusted proxy the client is the socket, whatever it says of itself', () => {
  const alone = createAddressReader([]);
  assert.equal(alone.read('198.51.100.7', '203.0.113.9'), '198.51.100.7');
  assert.equal(alone.trusts('127.0.0.1'), false);
});

// Attack: the client writes a forwarded address itself, to be counted as somebody else.
test('the client is the rightmost hop that is not trusted', () => {
  const cases: [string, string | undefined, string][] = [
    ['198.51.100.7', '203.0.113.9', '198.51.100.7'],
    ['10.0.0.1', undefined, '10.0.0.1'],
    ['10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['10.0.0.1', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['10.0.0.1', '1.1.1.1, 203.0.113.9, 10.2.3.4, 192.0.2.1', '203.0.113.9'],
    ['10.0.0.1', '10.0.0.9, 10.2.3.4', '10.0.0.9'],
    ['::ffff:10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['10.0.0.1', '2001:db8::1, 2001:db8:ffff::2', '2001:db8::1'],
    ['10.0.0.1', '203.0.113.9, unknown', '10.0.0.1'],
    ['10.0.0.1', '203.0.113.9, 10.0.0.2:8080', '203.0.113.9'], // some balancers write ports too
    ['10.0.0.1', '203.0.113.9:5678', '203.0.113.9'],
    ['10.0.0.1', '[2001:db8::9]:5678, 10.0.0.2', '2001:db8::9'],
    ['10.0.0.1', '203.0.113.9:x, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.1', '1.1.1.1, <script>, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.1', '', '10.0.0.1'],
    ['10.0.0.1', ', , ', '10.0.0.1'],
  ];
  for (const [socket, forwarded, client] of cases) assert.equal(reader.read(socket, forwarded), client, forwarded);
});

test('whatever a client puts in front, the address that its proxy saw stays', () => {
  fc.assert(
    fc.property(fc.string(), (made) => assert.equal(reader.read('10.0.0.1', `${made}, 203.0.113.9`), '203.0.113.9')),
  );
});

test('what is no address or CIDR stops the start', () => {
  for (const entry of ['x', '10.0.0.0/33', '10.0.0.0/x', '10.0.0.0/-1', '', 'localhost', '10.0.0', '::/129']) {
    assert.throws(() => createAddressReader([entry]), entry);
  }
});

test('an IPv4 client counts alone, and an IPv6 one with its /64', () => {
  const blocks: [string, string][] = [
    ['203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['2001:0db8:0001:0002:ffff::1', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
  ];
  for (const [address, block] of blocks) assert.equal(addressBlock(address), block);
});

// Attack: one client counts as many, by writing its IPv4 address in the many ways of IPv6.
test('an IPv4 address in any spelling of IPv6 is that IPv4 address', () => {
  const reader = createAddressReader([]);
  for (const text of [
    '::ffff:203.0.113.9',
    '::ffff:cb00:7109',
    '::FFFF:CB00:7109',
    '0:0:0:0:0:ffff:cb00:7109',
    '0000:0000::ffff:cb00:7109',
  ])
    assert.equal(reader.read(text, undefined), '203.0.113.9', text);
  for (const text of ['2001:db8::ffff:cb00:7109', '::1', '::ffff:0:cb00:7109', '::fffe:cb00:7109'])
    assert.equal(reader.read(text, undefined), text);
});

// Attack: one client behind a translator has the block of all of IPv4 closed, or goes on from under its own.
test('an IPv4 client that a translator shows as IPv6 counts alone', () => {
  const reader = createAddressReader([]);
  for (const text of [
    '64:ff9b::c633:6401',
    '64:FF9B::198.51.100.1',
    '0064:ff9b:0:0:0:0:c633:6401',
    '64:ff9b:0000::0:c633:6401',
  ]) {
    assert.equal(reader.read(text, undefined), '198.51.100.1', text);
    assert.equal(addressBlock(text), '198.51.100.1', text);
  }
  for (const text of ['64:ff9b:1::c633:6401', '64:ff9b::1:c633:6401', '64:ff9c::c633:6401'])
    assert.equal(reader.read(text, undefined), text);
  assert.equal(addressBlock('64:ff9b:1::c633:6401'), '64:ff9b:1:0::/64');
});
