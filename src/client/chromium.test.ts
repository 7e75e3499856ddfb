import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createKit, KIT_PASSWORD } from '../testing/index.ts';
import { noChromium, serveSite, startChromium } from './chromium.contract.ts';

const LOGIN = `client.login({ username: 'admin', password: ${JSON.stringify(KIT_PASSWORD)} })`;
const clientAs = (storage: string, more = '') =>
  `const client = globalThis.client ??= createClient({ baseUrl: location.origin, storage: '${storage}'${more} });`;
const REFRESH = 'POST /v1/token/refresh';

describe('the client in Chromium', { skip: noChromium }, () => {
  async function start() {
    const site = await serveSite();
    const kit = await createKit({ config: { issuer: site.url } });
    site.behind(kit.address);
    const browser = await startChromium();
    const close = async () => {
      await browser.close();
      await kit.close();
      await site.close();
    };
    return { site, kit, browser, close };
  }

  test('two tabs refresh once between them, and one that signs out sends the other to the login page', async () => {
    const { site, kit, browser, close } = await start();
    try {
      const tabs = [await browser.open(site.url), await browser.open(site.url)];
      const [one, two] = tabs;
      assert.ok(one && two);
      await one.run(`${clientAs('localStorage')} await ${LOGIN};`);
      assert.equal(await two.run(`${clientAs('localStorage')} return (await client.me()).username;`), 'admin');
      for (let round = 1; round <= 3; round++) {
        kit.clock.advance(16 * 60_000);
        const ask = `${clientAs('localStorage')}
          const asked = Array.from({ length: 20 }, () => client.fetch('/v1/me'));
          return [...new Set((await Promise.all(asked)).map(({ status }) => status))];`;
        assert.deepEqual(await Promise.all(tabs.map((tab) => tab.run(ask))), [[200], [200]]);
        assert.equal(site.asked.filter((what) => what === REFRESH).length, round);
      }
      await one.run('await client.logout();');
      const gone = Date.now() + 5_000;
      while ((await two.run('return location.pathname').catch(() => '')) !== '/login') assert.ok(Date.now() < gone);
    } finally {
      await close();
    }
  });

  test('in cookie mode the page has no token, and its tabs refresh once between them', async () => {
    const { site, kit, browser, close } = await start();
    try {
      const tabs = [await browser.open(site.url), await browser.open(site.url)];
      const [one, two] = tabs;
      assert.ok(one && two);
      const signed = await one.run(`${clientAs('cookie')} return (await ${LOGIN}).kind;`);
      assert.equal(signed, 'signed-in');
      const seen = await two.run('return document.cookie + JSON.stringify({ ...localStorage });');
      assert.match(String(seen), /^tk_csrf=bi1\./);
      assert.doesNotMatch(String(seen), /eyJ|tkr_/);
      assert.equal(await two.run(`${clientAs('cookie')} return (await client.me()).username;`), 'admin');
      kit.clock.advance(16 * 60_000);
      const ask = `const asked = Array.from({ length: 20 }, () => client.fetch('/v1/me'));
        return [...new Set((await Promise.all(asked)).map(({ status }) => status))];`;
      assert.deepEqual(await Promise.all(tabs.map((tab) => tab.run(ask))), [[200], [200]]);
      assert.equal(site.asked.filter((what) => what === REFRESH).length, 1);
      assert.equal(await two.run("return (await client.fetch('/v1/logout', { method: 'POST' })).status"), 204);
    } finally {
      await close();
    }
  });

  test('a passkey is registered and signs in by itself', async () => {
    const { site, browser, close } = await start();
    try {
      const tab = await browser.open(site.url);
      await tab.command('WebAuthn.enable');
      const device = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true };
      const options = { ...device, isUserVerified: true, automaticPresenceSimulation: true };
      await tab.command('WebAuthn.addVirtualAuthenticator', { options });
      const made = await tab.run(`${clientAs('memory')} await ${LOGIN};
        return client.registerPasskey({ label: 'mine', passwordless: true });`);
      assert.equal(Reflect.get(Object(made), 'label'), 'mine');
      const step = await tab.run(`await client.logout();
        const { kind } = await client.passkey.signIn();
        return [kind, (await client.me()).username];`);
      assert.deepEqual(step, ['signed-in', 'admin']);
    } finally {
      await close();
    }
  });
});
