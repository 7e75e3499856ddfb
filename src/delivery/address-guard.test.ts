import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAddressGuard, type HostAddress, isRefusedUrl } from './address-guard.ts';
import { addWebhook, expectFault, home, inMemory, newest, withKit, withReceiver } from './delivery-kit.contract.ts';

const at = (...addresses: readonly string[]) =>
  addresses.map((address): HostAddress => ({ address, family: address.includes(':') ? 6 : 4 }));

const guardOf = (answer: readonly HostAddress[], allowed: readonly string[] = []) =>
  createAddressGuard(allowed, async () => answer);

// Attack: a webhook is pointed at what only we can reach, in every way to write an address.
test('URLs that lead to ourselves or our network are refused when they are entered', () => {
  const guard = guardOf([]);
  const bad = [
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://0.0.0.0/',
    'https://10.1.2.3/',
    'https://100.64.0.1/',
    'https://172.31.255.255/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:a00:1]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::a00:1]/',
    'https://[2002:a00:1::]/',
    'https://[2001::1]/',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'https://[ff02::1]/',
    'http://example.org/',
    'ftp://example.org/',
    'file:///etc/passwd',
    'https://user:password@example.org/',
    'https://example.org/#fragment',
  ];
  for (const url of bad) assert.throws(() => guard.check(new URL(url)), isRefusedUrl, url);
  for (const url of [
    'https://example.org/',
    'https://93.184.215.14:8443/a?b',
    'https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/',
  ]) {
    guard.check(new URL(url));
  }
});

// Attack: the name's owner answers with an address inside, or with one of each kind and hopes for the second.
test('a name is refused when any of its addresses is not public', async () => {
  for (const bad of [
    '10.0.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    '::ffff:10.0.0.1',
    'no address',
  ]) {
    await expectFault('DELIVERY_URL_REFUSED', guardOf(at(bad)).addressesOf('https:', 'rebound.example'));
    await expectFault('DELIVERY_URL_REFUSED', guardOf(at('93.184.215.14', bad)).addressesOf('https:', 'mixed.example'));
  }
  await expectFault('DELIVERY_URL_REFUSED', guardOf([]).addressesOf('https:', 'nothing.example'));
  assert.deepEqual(await guardOf(at('93.184.215.14')).addressesOf('https:', 'good.example'), at('93.184.215.14'));
});

test('private addresses are reached where they are named, over http too, and no others are', async () => {
  const allowed = ['10.1.0.0/16', 'fd00::/8'];
  assert.equal((await guardOf(at('10.1.2.3'), allowed).addressesOf('http:', 'inside')).length, 1);
  assert.equal((await guardOf(at('fd12::1'), allowed).addressesOf('https:', 'inside')).length, 1);
  await expectFault('DELIVERY_URL_REFUSED', guardOf(at('10.2.2.3'), allowed).addressesOf('https:', 'inside'));
  await expectFault('DELIVERY_URL_REFUSED', guardOf(at('93.184.215.14'), allowed).addressesOf('http:', 'outside'));
});

// Attack: between check and connection the name begins to lead elsewhere (DNS rebinding).
test('a webhook connects to the addresses that were checked, and asks for the name once', () =>
  withReceiver(async (receiver) => {
    let asked = 0;
    const resolve = async () => at(asked++ === 0 ? '127.0.0.1' : '127.0.0.99');
    const config = { webhooks: { allowPrivate: ['127.0.0.1'] } };
    await withKit(inMemory, { config, more: { resolve } }, async ({ delivery, write }) => {
      await addWebhook(delivery, `http://hooks.example:${new URL(receiver.url).port}/`);
      await write((tx) => delivery.publish(tx, { type: 'address.blocked', data: {} }));
      await delivery.run();
      assert.equal(receiver.received.length, 1);
      assert.equal(asked, 1);
    });
  }));

// Attack: a name that was public when the webhook was added is moved to our own machine.
test('a webhook whose name leads inside is not sent, and says so', () =>
  withReceiver(async (receiver) => {
    const config = { webhooks: { allowPrivate: ['10.0.0.0/8'] } };
    const resolve = async () => at('127.0.0.1');
    await withKit(inMemory, { config, more: { resolve } }, async ({ delivery, write }) => {
      const { id } = await addWebhook(delivery, `http://hooks.example:${new URL(receiver.url).port}/`);
      await write((tx) => delivery.publish(tx, { type: 'address.blocked', data: {} }));
      await delivery.run();
      assert.equal(receiver.received.length, 0);
      const { message } = await newest(delivery, id, home);
      assert.deepEqual([message.state, message.reason], ['waiting', 'address_refused']);
    });
  }));
