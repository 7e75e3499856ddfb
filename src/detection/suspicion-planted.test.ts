import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inMemory, withKit } from './blocks-kit.contract.ts';
import { attackBy, sent } from './suspicion-kit.contract.ts';

const office = '203.0.113.9';
const chromium = {
  host: 'twin.example:7611',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36',
  accept: 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8',
};
const { accept, ...scripted } = chromium;
const socket = { ...scripted, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };

/** What a page, of whatever origin, can make a browser send; none needs to be asked first. */
const PLANTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'an image over plain HTTP, without a referrer': chromium,
  'an image of a mail, by a program that is no browser': { host: chromium.host, accept },
  'a script over plain HTTP': { ...scripted, accept: '*/*' },
  'an image of our own page, where somebody stored its address': {
    ...chromium,
    'sec-fetch-site': 'same-origin',
    'sec-fetch-mode': 'no-cors',
    'sec-fetch-dest': 'image',
  },
  'the same over plain HTTP': { ...chromium, referer: `http://${chromium.host}/console` },
  'a link, with a sign-in that the browser remembers': {
    ...chromium,
    authorization: 'Basic YWRhOmh1bnRlcjI=',
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
  },
  'the same over plain HTTP, without a referrer': { ...chromium, authorization: 'Basic YWRhOmh1bnRlcjI=' },
  'a socket with a made-up token': {
    ...socket,
    origin: 'http://evil.example',
    'sec-websocket-protocol': 'x, twinkeep.bearer.a1',
  },
};

// Attack: a page makes its reader's browser send attacks, so that the office of the reader is blocked (D06).
for (const [what, headers] of Object.entries(PLANTED))
  test(`${what} gets nobody blocked, in ems neither`, () =>
    withKit(inMemory, async (kit) => {
      await attackBy(kit, 100, () => sent(office, undefined, headers), 'native');
      await attackBy(kit, 100, () => sent(office, undefined, headers, { profile: 'ems' }), 'ems');
      assert.deepEqual((await kit.blocks.list()).items, []);
    }));

test('a form over plain HTTP gets nobody blocked', () =>
  withKit(inMemory, async (kit) => {
    const headers = { ...chromium, 'content-type': 'text/plain;charset=UTF-8' };
    await attackBy(kit, 100, () => sent(office, undefined, headers, { method: 'POST', profile: 'ems' }));
    assert.deepEqual((await kit.blocks.list()).items, []);
  }));

// Attack: a tool takes on the name of a browser, and sends what no page can.
test('who looks like a browser and brings proof that no page made it counts in full', () =>
  withKit(inMemory, async (kit) => {
    const ways: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
      ['203.0.113.1', { ...chromium, 'x-api-key': 'made-up' }, 'GET'],
      ['203.0.113.2', { ...chromium, authorization: 'bearer made-up' }, 'GET'],
      ['203.0.113.3', { ...chromium, 'content-type': 'application/json' }, 'POST'],
      ['203.0.113.4', chromium, 'DELETE'],
      ['203.0.113.5', { ...chromium, origin: `http://${chromium.host}` }, 'GET'],
      ['203.0.113.6', { host: chromium.host, 'user-agent': 'curl/8.5.0', accept: '*/*' }, 'GET'],
      ['203.0.113.7', { host: chromium.host, authorization: 'Basic YWRhOmh1bnRlcjI=' }, 'GET'],
    ];
    for (const [address, headers, method] of ways) {
      await attackBy(kit, 5, () => sent(address, undefined, headers, { method }));
      assert.ok(kit.blocks.blocked(address) !== undefined, address);
    }
  }));
