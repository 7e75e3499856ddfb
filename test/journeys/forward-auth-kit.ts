import assert from 'node:assert/strict';
import { after, before, beforeEach, suite } from 'node:test';
import { createKit, type Kit, type KitOptions } from '../../src/testing/index.ts';
import { type BackEnd, type Got, type Saying, type Spoken, speak, startBackEnd } from './forward-auth-client.ts';
import { findProxy, PROXIES, type ProxyName, type RunningProxy, startProxy } from './forward-auth-proxy.ts';

type Config = NonNullable<KitOptions['config']>;
type ForwardAuth = NonNullable<NonNullable<Config['gateway']>['forwardAuth']>;

/** A proxy with Twinkeep beside it and a back end behind it; each test speaks from an address of its own. */
export interface Carried {
  readonly name: ProxyName;
  readonly kit: Kit;
  readonly backEnd: BackEnd;
  readonly proxy: RunningProxy;
  readonly token: string;
  /** Of the running test: whoever attacks in one is under suspicion, and must not be so in the next. */
  readonly address: string;
  ask(target: string, saying?: Saying): Promise<Spoken>;
  as(token?: string): Record<string, string>;
  /** What the back end got since the test began, which has to be one request. */
  only(): Got;
}

export interface CarriedOptions {
  readonly title: (name: ProxyName) => string;
  readonly routes: NonNullable<ForwardAuth['routes']>;
  /** The first three numbers of the addresses that the tests speak from. */
  readonly from: string;
  readonly config?: Config;
}

/** Runs tests behind each proxy; one that this system lacks is skipped, but never where changes are checked. */
export function behindEachProxy(options: CarriedOptions, tests: (at: Carried) => void): void {
  for (const name of PROXIES) {
    const lacking = findProxy(name) === undefined && process.env['CI'] !== 'true';
    const skip = lacking ? `${name} is not on this system: apt-get install ${name}, or npm test as root` : false;
    suite(options.title(name), { skip }, () => tests(carriedBy(name, options)));
  }
}

function carriedBy(name: ProxyName, { routes, from, config = {} }: CarriedOptions): Carried {
  let kit: Kit;
  let backEnd: BackEnd;
  let proxy: RunningProxy;
  let token: string;
  let tests = 0;
  before(async () => {
    const gateway = { forwardAuth: { proxies: ['127.0.0.1'], routes } };
    kit = await createKit({ config: { trustedProxies: ['127.0.0.1'], ...config, gateway } });
    token = await kit.signIn();
    backEnd = await startBackEnd();
    proxy = await startProxy(name, kit.address, backEnd.url);
  });
  after(async () => {
    await proxy?.stop();
    await backEnd?.close();
    await kit?.close();
  });
  beforeEach(() => {
    backEnd.got.splice(0);
    tests++;
  });
  const address = (): string => `${from}.${tests}`;
  return {
    name,
    get kit() {
      return kit;
    },
    get backEnd() {
      return backEnd;
    },
    get proxy() {
      return proxy;
    },
    get token() {
      return token;
    },
    get address() {
      return address();
    },
    ask: (target, saying) => speak(proxy.port, target, { from: address(), ...saying }),
    as: (held = token) => ({ Authorization: `Bearer ${held}` }),
    only: () => {
      const [first, ...others] = backEnd.got;
      assert.ok(first !== undefined && others.length === 0, `the back end got ${backEnd.got.length}`);
      return first;
    },
  };
}
