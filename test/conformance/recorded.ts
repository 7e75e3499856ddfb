/**
 * What the clients of the five older systems send, and what they look at in the answers, played against one server that
 * serves all five. A recording is data: `<profile>/recorded/<what>.json`, whose folder says which profile it is of.
 *
 *     { "lines": ["A01", "X01"],            which requirement lines it shows
 *       "about": "one token in the body",   completes the name of its test
 *       "people": [{ "username": "ada", "roles": ["viewer"] }],   made beforehand; their password is {{password}}
 *       "steps": [{
 *         "does": "signs in",
 *         "later_s": 30,                    the clock is put forward before the step
 *         "request": {
 *           "method": "POST", "path": "/api/login",   without the prefix that the profile is mounted at
 *           "native": true,                 the path is one of ours, at no host or prefix of a profile
 *           "token": "{{token}}",           goes out as `Authorization: Bearer`
 *           "headers": {}, "json": {}, "form": {}, "text": "",    of the last three at most one
 *           "no_cookies": true },           what the jar holds stays there this once
 *         "answer": {                       all that is not named here the client does not look at
 *           "status": 200,
 *           "body": {},                     the whole of it
 *           "members": { "access_token": "<jwt>", "user.name": "ada" },   some of it, by path
 *           "claims": { "access_token": { "sub": "ada" } },               what a token in it says
 *           "headers": { "www-authenticate": "Bearer" },
 *           "cookies": { "access_token_cookie": { "path": "/", "http_only": true } } },
 *         "keep": { "token": "access_token" }   for later steps; `cookie NAME`, `header NAME`, `totp NAME` too
 *       }] }
 *
 * In any string `{{name}}` is what was kept under the name. There are also `{{password}}`, `{{at}}` (the prefix of the
 * profile, or nothing), `{{cookie NAME}}` (what a script of the page can read of its cookies) and `{{totp NAME}}` (what an
 * authenticator app shows for the secret that was kept). What is expected may be a kind instead of a value: `<jwt>`,
 * `<text>`, `<int>`, `<list>`, `<uuid>`, `<absent>`, or a regular expression, `/^[0-9a-f]{32}$/`.
 *
 * A profile's own `recorded.test.ts` declares them: `for (const { name, play } of openRecorded(profile).tests) test(name, play)`.
 * Cookies are kept and sent as a browser does, by path and age, one jar for each recording.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { createKit, type Kit } from '../../src/testing/index.ts';
import { LOGIN, type ProfileName } from './profile-kit.ts';
import { createPlayer, type Mount, type Player } from './recorded-player.ts';

const kinds = z.record(z.string(), z.unknown());
const texts = z.record(z.string(), z.string());

const cookie = z.union([
  z.literal('<absent>'),
  z.strictObject({
    value: z.string().optional(),
    path: z.string().optional(),
    http_only: z.boolean().optional(),
    secure: z.boolean().optional(),
    same_site: z.enum(['Strict', 'Lax', 'None']).optional(),
    max_age_s: z.int().optional(),
    /** Taken away by this answer. */
    gone: z.boolean().optional(),
  }),
]);

const step = z.strictObject({
  does: z.string().min(1),
  later_s: z.int().min(1).optional(),
  request: z
    .strictObject({
      method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
      path: z.string().startsWith('/'),
      native: z.boolean().default(false),
      token: z.string().optional(),
      headers: texts.default({}),
      json: z.unknown().optional(),
      form: texts.optional(),
      text: z.string().optional(),
      no_cookies: z.boolean().default(false),
    })
    .refine(({ json, form, text }) => [json, form, text].filter((one) => one !== undefined).length < 2, 'two bodies'),
  answer: z.strictObject({
    status: z.int(),
    body: z.unknown().optional(),
    members: kinds.default({}),
    claims: z.record(z.string(), kinds).default({}),
    headers: texts.default({}),
    cookies: z.record(z.string(), cookie).default({}),
  }),
  keep: texts.default({}),
});

const recording = z.strictObject({
  lines: z.array(z.string().regex(/^[A-Z]\d\d$/)).min(1),
  about: z.string().min(1),
  people: z.array(z.strictObject({ username: z.string(), roles: z.array(z.string()) })).default([]),
  steps: z.array(step).min(1),
});

export type Step = z.output<typeof step>;
export type Recording = z.output<typeof recording> & { readonly profile: ProfileName };

const PROFILES = Object.keys(LOGIN).filter((name): name is ProfileName => name in LOGIN);

/** All that are of a profile, in the order of their files; @throws AssertionError where there is none */
export function recordingsOf(profile: ProfileName): readonly Recording[] {
  const files = globSync(`${profile}/recorded/*.json`, { cwd: import.meta.dirname }).toSorted();
  assert.ok(files.length > 0, `there is no recording of ${profile}`);
  return files.map((file) => {
    const parsed = recording.safeParse(JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8')));
    if (!parsed.success) throw new Error(`${basename(dirname(dirname(file)))}/${basename(file)}: ${parsed.error}`);
    return { ...parsed.data, profile };
  });
}

/** How the five are told apart: each by a host of its own, or by a prefix. */
export type Mounting = 'host' | 'prefix';

const mountOf = (profile: ProfileName, mounting: Mounting): Mount =>
  mounting === 'host' ? { host: `${profile}.old.example`, at: '' } : { host: undefined, at: `/old/${profile}` };

/** A server with all five, as their operators would set them; secrets differ, and so does what each may add. */
export interface AllFive {
  readonly kit: Kit;
  player(recorded: Recording): Promise<Player>;
  close(): Promise<void>;
}

/** As good as random, and another one for each profile. */
const secretOf = (profile: string): string => createHash('sha256').update(`recorded ${profile}`).digest('base64');

export async function startAllFive(mounting: Mounting): Promise<AllFive> {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-recorded-'));
  const shared = (profile: ProfileName) => {
    const { host, at } = mountOf(profile, mounting);
    const own = host === undefined ? { prefix: at } : { host };
    return { secret: secretOf(profile), limitsEnabled: false, ...own };
  };
  const kit = await createKit({
    config: {
      profiles: [...PROFILES],
      profile: {
        'digital-twin-v1': shared('digital-twin-v1'),
        'digital-twin-v2': shared('digital-twin-v2'),
        ems: { ...shared('ems'), logDirectory: join(folder, 'log'), apiKeysFile: join(folder, 'api_keys.json') },
        aivillage: shared('aivillage'),
        coretwin: shared('coretwin'),
      },
    },
  });
  const people = new Map<string, string>();
  const make = async ({ people: wanted }: Recording): Promise<void> => {
    for (const { username, roles } of wanted) {
      const told = people.get(username);
      if (told === undefined) await kit.person(username, ...roles);
      else assert.equal(told, roles.join(), `two recordings disagree about the roles of ${username}`);
      people.set(username, roles.join());
    }
  };
  return {
    kit,
    player: async (recorded) => {
      await make(recorded);
      return createPlayer(kit, mountOf(recorded.profile, mounting));
    },
    close: async () => {
      await kit.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The recordings of one profile as tests, for its own test file to declare: the lines count where `test` is called. */
export interface Recorded {
  readonly tests: readonly { readonly name: string; readonly play: () => Promise<void> }[];
  close(): Promise<void>;
}

/** Each is played twice: at a host of the profile's own, and under a prefix. */
export function openRecorded(profile: ProfileName): Recorded {
  const servers = new Map<Mounting, Promise<AllFive>>();
  const serverOf = (mounting: Mounting): Promise<AllFive> => {
    const server = servers.get(mounting) ?? startAllFive(mounting);
    servers.set(mounting, server);
    return server;
  };
  const tests = (['host', 'prefix'] as const).flatMap((mounting) =>
    recordingsOf(profile).map((recorded) => ({
      name: `${recorded.lines.join(' ')}: ${recorded.about}, told apart by ${mounting}`,
      play: async () => {
        const player = await (await serverOf(mounting)).player(recorded);
        for (const one of recorded.steps) await player.play(one);
      },
    })),
  );
  const close = async (): Promise<void> => {
    for (const server of servers.values()) await (await server).close();
  };
  return { tests, close };
}

/** Every recording of every profile that has some, a step of each in turn: what one client does never touches another. */
export async function playInTurn(five: AllFive, profiles: readonly ProfileName[]): Promise<number> {
  const plays = [];
  for (const recorded of profiles.flatMap(recordingsOf)) {
    // Who puts the clock forward does so for everybody: codes and tokens of the others would have run out.
    if (recorded.steps.some(({ later_s: later }) => later !== undefined)) continue;
    plays.push({ player: await five.player(recorded), steps: [...recorded.steps] });
  }
  let left = plays;
  while (left.length > 0) {
    for (const { player, steps } of left) {
      const one = steps.shift();
      if (one !== undefined) await player.play(one);
    }
    left = left.filter(({ steps }) => steps.length > 0);
  }
  return plays.length;
}

/** The profiles that have recordings. */
export const recordedProfiles = (): readonly ProfileName[] =>
  PROFILES.filter((profile) => globSync(`${profile}/recorded/*.json`, { cwd: import.meta.dirname }).length > 0);
