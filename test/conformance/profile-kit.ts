import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createKit, KIT_PASSWORD, type Kit, type KitOptions } from '../../src/testing/index.ts';

/** A secret as `openssl rand -base64 24` makes it. */
export const SECRET = 'hG7wQz2VxN9rTb4LmK8sYc3Jd6PfA1uE';

/** A key as `twinkeep keys generate` makes it: the base64 of 32 bytes. */
export const FIELD_KEY = 'wJ4nPr0cS9tVbXe2Lq7GdHk5YzAfMu1oTi8WxRjN3Es=';

type Config = NonNullable<KitOptions['config']>;
type Profiles = NonNullable<Config['profile']>;
export type ProfileName = keyof Profiles;
type Settings<Name extends ProfileName> = NonNullable<Profiles[Name]>;

/** Where the five systems sign people in (X01). */
export const LOGIN = {
  'digital-twin-v1': '/api/login',
  'digital-twin-v2': '/api/auth/login',
  ems: '/api/v1/auth/login',
  aivillage: '/auth/login',
  coretwin: '/api/v1/auth/login',
} as const satisfies Record<ProfileName, string>;

export interface LogLine {
  readonly time: string;
  readonly level: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly event: any;
}

/** One of the older systems, served alone on a real port, with a secret and a log folder of its own. */
export interface ProfileKit extends Kit {
  readonly folder: string;
  /** A token of the profile; the first administrator's unless told. */
  login(username?: string, password?: string): Promise<string>;
  /** Makes a person and answers a token of theirs in the profile. */
  member(username: string, ...roles: string[]): Promise<string>;
  /** The lines of a log, as soon as one of them passes. */
  log(file: 'security.log' | 'audit.log', until: (line: LogLine) => boolean): Promise<readonly LogLine[]>;
}

/** @param settings of the profile, or what makes them of its folder */
export async function startProfile<Name extends ProfileName>(
  name: Name,
  settings: Settings<Name> | ((folder: string) => Settings<Name>) = {},
  { config = {}, ...options }: KitOptions = {},
): Promise<ProfileKit> {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-profile-'));
  const given = typeof settings === 'function' ? settings(folder) : settings;
  const logs = name === 'ems' ? { logDirectory: join(folder, 'log') } : {};
  const own = { secret: SECRET, ...logs, ...given };
  const profile = { ...config.profile, [name]: own };
  const kit = await createKit({ ...options, config: { profiles: [name], ...config, profile } });
  const login = async (username = 'admin', password = KIT_PASSWORD): Promise<string> => {
    const answer = await kit.call('POST', LOGIN[name], { body: { username, password } });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.access_token;
  };
  return {
    ...kit,
    folder,
    login,
    member: async (username, ...roles) => {
      await kit.person(username, ...roles);
      return login(username);
    },
    log: (file, until) => logOf(join(folder, 'log', file), until),
    close: async () => {
      await kit.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const LINE = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) - ([A-Z]+) - (\{.*\})$/;
const PATIENCE_MS = 5_000;

/** @throws AssertionError for a line that is not `time - level - {json}`, or when none passes within five seconds */
export async function logOf(path: string, until: (line: LogLine) => boolean): Promise<readonly LogLine[]> {
  const giveUp = performance.now() + PATIENCE_MS;
  for (;;) {
    const text = readFileSync(path, 'utf8');
    const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n').map(lineOf) : [];
    if (lines.some(until)) return lines;
    assert.ok(performance.now() < giveUp, `no such line in ${path}:\n${text}`);
    await pause(10); // it is written in the background
  }
}

function lineOf(text: string): LogLine {
  const [, time = '', level = '', json = ''] = LINE.exec(text) ?? assert.fail(`not a line of the log: ${text}`);
  return { time, level, event: JSON.parse(json) };
}
