import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inMemory, withKit } from './blocks-kit.contract.ts';
import { attackBy, keyNamed, personNamed, sent } from './suspicion-kit.contract.ts';

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
  'a script of our own page, which takes what to search for from a link': {
    ...scripted,
    accept: '*/*',
    referer: `https://${chromium.host}/app?q=x`,
    'sec-fetch-site': 'same-origin',
    'sec-fetch-mode': 'cors',
  },
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

// Attack: a page asks for what no page may send, so that its reader's browser asks us first (D06).
test('what a browser asks before it sends gets nobody blocked, in ems neither, nor does a report or a ping', () =>
  withKit(inMemory, async (kit) => {
    const asked = {
      ...scripted,
      accept: '*/*',
      origin: 'https://evil.example',
      'access-control-request-method': 'PUT',
    };
    const told = { ...asked, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
    for (const profile of ['twinkeep', 'ems'])
      for (const headers of [asked, told])
        await attackBy(kit, 50, () => sent(office, undefined, headers, { method: 'OPTIONS', profile }), profile);
    for (const type of ['text/ping', 'application/csp-report']) {
      const headers = { ...told, 'sec-fetch-mode': 'no-cors', 'content-type': type };
      await attackBy(kit, 50, () => sent(office, undefined, headers, { method: 'POST', profile: 'ems' }), type);
    }
    assert.deepEqual((await kit.blocks.list()).items, []);
    const tool = { host: chromium.host, 'user-agent': 'curl/8.5.0' };
    await attackBy(kit, 5, () => sent(office, undefined, tool, { method: 'OPTIONS' }), 'tool');
    assert.ok(kit.blocks.blocked(office) !== undefined, 'a tool that claims nothing');
  }));

const token = { authorization: 'Bearer t' };
const told = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', referer: `https://${chromium.host}/app` };
const SEARCHES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'our own page': { ...scripted, ...told },
  'a page over plain HTTP': { ...scripted, accept: '*/*' },
  'a page of ours on another host': {
    ...scripted,
    ...told,
    'sec-fetch-site': 'same-site',
    origin: 'https://app.example',
  },
};

// Attack: links to our own page, whose script takes what to search for from them and adds the reader's token (D06).
for (const [where, headers] of Object.entries(SEARCHES))
  test(`what a script of ${where} searches for, with its token, blocks nobody for some links, in ems neither`, () =>
    withKit(inMemory, async (kit) => {
      const ada = personNamed('ada');
      for (const profile of ['twinkeep', 'ems'])
        await attackBy(kit, 20, () => sent(office, ada, { ...headers, ...token }, { profile }));
      if ('sec-fetch-mode' in headers) await attackBy(kit, 20, () => sent(office, undefined, { ...headers, ...token })); // the token has just ended
      assert.deepEqual((await kit.blocks.list()).items, []);
    }));

// Attack: who stole a token claims to be a script of an honest page.
test('whoever claims to be a script of a page is blocked all the same, later, and at once without', () =>
  withKit(inMemory, async (kit) => {
    const claimed = { ...scripted, ...told, ...token };
    await attackBy(kit, 46, () => sent(office, personNamed('ada'), claimed));
    assert.ok(kit.blocks.blocked('ada', 'person') !== undefined);
    const bob = personNamed('bob');
    await attackBy(kit, 10, () => sent(office, bob, claimed));
    await attackBy(kit, 5, () =>
      sent(office, bob, { ...claimed, 'content-type': 'application/json' }, { method: 'POST' }),
    );
    assert.ok(kit.blocks.blocked('bob', 'person') !== undefined, 'the same, but not as reads');
    await attackBy(kit, 5, () => sent(office, keyNamed('pump'), { ...scripted, ...told, 'x-api-key': 'k' }));
    assert.ok(kit.blocks.blocked('pump', 'api-key') !== undefined, 'keys have no place in a page');
    const node = { ...token, 'user-agent': 'node', 'sec-fetch-mode': 'cors' };
    await attackBy(kit, 5, () => sent(office, personNamed('eve'), node));
    assert.ok(kit.blocks.blocked('eve', 'person') !== undefined, 'a program that sends what browsers do, but not all');
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
