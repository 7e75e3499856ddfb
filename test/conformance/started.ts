import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConfigInput } from '../../src/app/index.ts';
import { type Answer, type Call, KIT_PASSWORD } from '../../src/testing/index.ts';
import { type CommandLine, createCommandLine, type Ended, type Running } from '../journeys/command.ts';
import { endShared } from '../journeys/shared-commands.ts';

type Environment = Readonly<Record<string, string>>;

/** A server as its operator starts it: `bin/twinkeep serve`, set by variables and perhaps a file. */
export interface StartedServer {
  readonly address: string;
  readonly running: Running;
  /** What it has written to standard error. */
  log(): string;
  call(method: string, path: string, call?: Omit<Call, 'key' | 'tenant'>): Promise<Answer>;
}

/** A folder to start servers in, one after the other; all of it is gone after the test. */
export interface Place {
  readonly cli: CommandLine;
  readonly folder: string;
  /** Writes a file there. @returns its path */
  write(name: string, content: string | object): string;
  /** `twinkeep.config.json`, which every command in this place reads. */
  configure(config: ConfigInput): void;
  start(env?: Environment): Promise<StartedServer>;
  /**
   * Starts what must not start. The first of a place is a process; those after it may share one, as long as their
   * settings alone are what is refused. @returns how it ended
   */
  refused(env?: Environment): Promise<Ended>;
}

export function createPlace(t: TestContext, settings: Environment = {}): Place {
  const cli = createCommandLine({ TWINKEEP_ADMIN_PASSWORD: KIT_PASSWORD, ...settings });
  t.after(cli.close);
  let shares = false;
  const write: Place['write'] = (name, content) => {
    const path = join(cli.folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  return {
    cli,
    folder: cli.folder,
    write,
    configure: (config) => void write('twinkeep.config.json', config),
    start: async (env = {}) => {
      const running = cli.start(['serve', '--json'], { env, shell: true });
      let log = '';
      running.child.stderr?.on('data', (chunk: Buffer) => {
        log += chunk.toString();
      });
      const address = await running.printed(/"address":"(http:[^"]+)"/);
      return { address, running, log: () => log, call: (method, path, call) => send(address, method, path, call) };
    },
    refused: async (env = {}) => {
      if (shares) {
        const ended = await cli.look(['serve', '--json'], env);
        if (ended.code === 1 && isOfSettings(ended)) return ended;
        endShared(); // it has opened something, which the end of a process closes
      }
      const running = cli.start(['serve', '--json'], { env, shell: true });
      const timer = setTimeout(() => running.child.kill('SIGKILL'), 20_000);
      const ended = await running.ended();
      clearTimeout(timer);
      assert.equal(ended.code, 1, `it started: ${ended.stdout}${ended.stderr}`);
      shares = isOfSettings(ended);
      return ended;
    },
  };
}

const ATTEMPTS = 8;
const BACK_MS = 2_500;

/**
 * Does what needs a Redis that answers, again where one of the servers had to count without it meanwhile: on a machine
 * that is too busy Redis is late, limits go on in each process then, and that is not what is to be shown.
 *
 * @param work gets the number of the attempt, to count something fresh
 */
export async function withRedisThere<T>(
  servers: readonly StartedServer[],
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  const losses = (): number =>
    servers.map(({ log }) => log().split('did not answer in time').length).reduce((a, b) => a + b);
  for (let attempt = 1; ; attempt++) {
    const before = losses();
    const result = await work(attempt);
    await pause(50); // for the log of what has just happened
    if (losses() === before) return result;
    assert.ok(attempt < ATTEMPTS, 'Redis was late in every attempt');
    await pause(BACK_MS);
  }
}

/** What ended a start, place by place. */
export function flawsOf({ stderr }: Ended): readonly { readonly at: string; readonly reason: string }[] {
  const last = stderr.trimEnd().split('\n').at(-1) ?? '';
  const { error } = JSON.parse(last);
  return error.errors ?? [{ at: error.code, reason: error.message }];
}

const isOfSettings = ({ stderr }: Ended): boolean =>
  /^\{"error":\{"code":"(?:CONFIG_INVALID|DELIVERY_ALERTS_INVALID)"/m.test(stderr);

async function send(address: string, method: string, path: string, call: Call = {}): Promise<Answer> {
  const { token, body, headers } = call;
  const response = await fetch(address + path, {
    method,
    headers: {
      connection: 'close',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: jsonOf(text) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
