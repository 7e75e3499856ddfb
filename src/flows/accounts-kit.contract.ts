import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Secret, TOTP } from 'otpauth';
import { SMTPServer } from 'smtp-server';
import { type Context, nativeFace, parseWith, type Route } from '../http/index.ts';
import { type AccountConfig, accountConfig } from '../identity/index.ts';
import { type PersonId, personId, requestId, type TenantId } from '../kernel/brand.ts';
import { TwinkeepError } from '../kernel/errors.ts';
import { anonymous, type Principal } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import type { Mfa } from '../mfa/index.ts';
import type { Storage } from '../storage/index.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { type Answer, createKit, createTestClock, type Kit, type TestClock } from '../testing/index.ts';
import { accountAdminRoutes } from './account-admin-routes.ts';
import { type AccountMails, createAccountMails } from './account-mails.ts';
import { accountPageRoutes } from './account-pages.ts';
import { accountRoutes } from './account-routes.ts';
import { type Accounts, createAccounts } from './accounts.ts';
import { createEvenTime } from './even-time.ts';

const SITE = 'https://twin.example';
export const PASSWORD = 'violet tractor hums nightly';
export const OTHER_PASSWORD = 'quiet orange submarine lane';

/** One mail as the receiving server got it. */
export interface Letter {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** What stands behind the `#` of its link. */
  readonly token: string | undefined;
}

export interface AccountsKit {
  readonly kit: Kit;
  readonly clock: TestClock;
  readonly accounts: Accounts;
  /** Everything that the mail server took, after what was enqueued has gone out. */
  letters(): Promise<readonly Letter[]>;
  /** Lets time pass, at the end of which revocations were read: nobody is let in by a feed not heard of for so long. */
  wait(ms: number): Promise<void>;
  /** Gives somebody an authenticator app. */
  enrol(id: string, username: string): Promise<void>;
  /** Asks one of the room's routes as the line would, once it knows the caller. */
  ask(method: string, path: string, body?: unknown, caller?: Principal): Promise<Asked>;
  /** Starts the rooms of accounts anew, over the same data, with another configuration. */
  restart(config: Partial<AccountConfig>): void;
  close(): Promise<void>;
}

export type Asked = Pick<Answer, 'status' | 'json' | 'text'> & { readonly headers: object };

export interface AccountsKitOptions {
  readonly config?: Partial<AccountConfig>;
  readonly storage?: ((clock: TestClock) => Promise<Storage>) | undefined;
  /** Whether a mail server is configured; true unless told. */
  readonly mail?: boolean;
}

/** Accounts over a whole Twinkeep, with a mail server that really takes mails. */
export async function createAccountsKit(options: AccountsKitOptions = {}): Promise<AccountsKit> {
  const clock = createTestClock();
  const inbox = await startInbox();
  const canMail = options.mail !== false;
  const smtp = { host: '127.0.0.1', port: inbox.port, tls: 'none', from: 'twin@twin.example' } as const;
  const storage = await options.storage?.(clock);
  const kit = await createKit({ clock, storage, config: canMail ? { delivery: { smtp } } : {} });
  const { house } = kit.twinkeep;
  const onError = (error: unknown): void => {
    throw error;
  };
  const opened = (given: Partial<AccountConfig>) => {
    const config = accountConfig.parse({ registration: 'open', ...given });
    const mails = createAccountMails({ ...house, config, publicUrl: SITE, canMail, onError });
    const accounts = accountsWith(mails, config);
    return {
      accounts,
      routes: [...accountRoutes(accounts, house.identity), ...accountAdminRoutes(accounts), ...accountPageRoutes()],
    };
  };
  const accountsWith = (mails: AccountMails, config: AccountConfig): Accounts =>
    createAccounts({
      ...house,
      mails,
      config,
      storage: kit.twinkeep.storage,
      attempts: { begin: async (attempt) => attempt, good: async () => undefined, clear: async () => undefined },
      evenTime: createEvenTime({ elapsed: () => 0, wait: async () => undefined, leastMs: 0 }),
      clock,
      random: createSystemRandom(),
    });
  let now = opened(options.config ?? {});
  return {
    kit,
    clock,
    get accounts() {
      return now.accounts;
    },
    restart: (config) => {
      now = opened(config);
    },
    enrol: (id, name) => enrol(house.mfa, clock, personId(id), name),
    letters: async () => {
      await house.delivery.run();
      return inbox.letters;
    },
    wait: async (ms) => {
      clock.advance(ms);
      while (!house.revocations.fresh()) await setTimeout(20);
    },
    ask: (method, path, body, caller = anonymous) => ask(now.routes, method, path, body, caller),
    close: async () => {
      await kit.close();
      await inbox.close();
    },
  };
}

async function enrol(mfa: Mfa, clock: TestClock, id: PersonId, username: string): Promise<void> {
  const { factorId, secret } = await mfa.beginTotp({ principal: anonymous }, { id, username });
  const code = new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: clock.now() });
  await mfa.confirm({ principal: anonymous }, id, factorId, code);
}

async function startInbox() {
  const letters: Letter[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const text = plainOf(Buffer.concat(chunks).toString());
        const subject = /^Subject: (.*)$/m.exec(text)?.[1] ?? '';
        const to = session.envelope.rcptTo.map(({ address }) => address).join();
        letters.push({ to, subject, text, token: /\/account\/[a-z]+#([\w-]+)/.exec(text)?.[1] });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo; // a TCP server's address has a port
  return { port, letters, close: () => new Promise<void>((resolve) => server.close(resolve)) };
}

/** Quoted-printable as mails carry long lines. */
const plainOf = (raw: string): string =>
  raw
    .replaceAll('\r\n', '\n')
    .replaceAll('=\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

async function ask(
  routes: readonly Route[],
  method: string,
  path: string,
  body: unknown,
  caller: Principal,
): Promise<Asked> {
  const context = contextOf(method, path);
  try {
    const { route, params } = found(routes, method, path);
    const parse = (schema: Route['body'], value: unknown, root: string) =>
      schema === undefined ? undefined : parseWith(schema, value, root);
    const input = {
      context,
      caller,
      tenantId: tenantOf(caller),
      params: parse(route.params, params, 'path'),
      query: undefined,
      body: parse(route.body, body, 'body'),
      stream: undefined,
    };
    const { status, body: answer, headers = {} } = await route.handle(input);
    const text = typeof answer === 'string' ? answer : JSON.stringify(answer ?? null);
    return { status, text, headers, json: typeof answer === 'string' ? undefined : answer };
  } catch (error) {
    if (!(error instanceof TwinkeepError)) throw error;
    const { status, body: text, headers } = nativeFace.refusal(error, context.requestId);
    return { status, text, headers, json: JSON.parse(text) };
  }
}

function found(routes: readonly Route[], method: string, path: string) {
  for (const route of routes) {
    const pattern = new RegExp(`^${route.path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
    const match = route.method === method ? pattern.exec(path) : null;
    if (match !== null) return { route, params: { ...match.groups } };
  }
  throw new TypeError(`no route ${method} ${path}`);
}

const tenantOf = (caller: Principal): TenantId => (caller.kind === 'anonymous' ? MAIN_TENANT : caller.tenantId);

/** A request as the line sees it, before anybody is known. */
export const contextOf = (method: string, url: string): Context => ({
  requestId: requestId('req-1'),
  receivedAt: createTestClock().now(),
  address: '192.0.2.7',
  addressBlock: '192.0.2.7',
  secure: true,
  operator: false,
  method,
  url,
  headers: {},
});
