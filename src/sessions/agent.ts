/** What a `User-Agent` says, in the words that people know; it proves nothing. */
export interface Agent {
  /** `Firefox`; `undefined` where it is none that we know. */
  readonly browser: string | undefined;
  /** `Windows`. */
  readonly system: string | undefined;
  readonly kind: AgentKind;
}

/** `program`: curl, a library, a script. */
export type AgentKind = 'desktop' | 'mobile' | 'tablet' | 'program' | 'unknown';

const MAX_CHARS = 512;

/** The first that is named counts: others name themselves after those before them. */
const BROWSERS: readonly (readonly [mark: string, name: string])[] = [
  ['Edg', 'Edge'],
  ['OPR/', 'Opera'],
  ['Vivaldi/', 'Vivaldi'],
  ['SamsungBrowser/', 'Samsung Internet'],
  ['YaBrowser/', 'Yandex'],
  ['Firefox/', 'Firefox'],
  ['FxiOS/', 'Firefox'],
  ['CriOS/', 'Chrome'],
  ['HeadlessChrome/', 'Chrome'],
  ['Chromium/', 'Chromium'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
];

const PROGRAMS: readonly (readonly [mark: string, name: string])[] = [
  ['curl/', 'curl'],
  ['Wget/', 'Wget'],
  ['python-requests/', 'Python'],
  ['python-httpx/', 'Python'],
  ['Python/', 'Python'],
  ['aiohttp/', 'Python'],
  ['okhttp/', 'OkHttp'],
  ['Go-http-client/', 'Go'],
  ['Java/', 'Java'],
  ['axios/', 'axios'],
  ['PostmanRuntime/', 'Postman'],
  ['undici', 'Node.js'],
  ['node', 'Node.js'],
];

const SYSTEMS: readonly (readonly [mark: string, name: string])[] = [
  ['iPhone', 'iOS'],
  ['iPad', 'iPadOS'],
  ['Android', 'Android'],
  ['Windows', 'Windows'],
  ['CrOS', 'ChromeOS'],
  ['Mac OS X', 'macOS'],
  ['Macintosh', 'macOS'],
  ['Linux', 'Linux'],
  ['FreeBSD', 'FreeBSD'],
];

/** Reads at most 512 characters, each a few times. */
export function agentOf(userAgent: string): Agent {
  const text = userAgent.slice(0, MAX_CHARS);
  const first = (table: typeof BROWSERS): string | undefined => table.find(([mark]) => text.includes(mark))?.[1];
  const system = first(SYSTEMS);
  const browser = text.startsWith('Mozilla/') ? first(BROWSERS) : undefined;
  if (browser !== undefined) return { browser, system, kind: kindOf(text, system) };
  const program = first(PROGRAMS);
  return { browser: program, system, kind: program === undefined ? 'unknown' : 'program' };
}

function kindOf(text: string, system: string | undefined): AgentKind {
  if (system === undefined) return 'unknown';
  if (system === 'iPadOS' || (system === 'Android' && !text.includes('Mobile'))) return 'tablet';
  return system === 'iOS' || system === 'Android' ? 'mobile' : 'desktop';
}

/** `Firefox on Windows`; a device that says nothing is an unknown one. */
export function wordsOf({ browser, system }: Agent): string {
  if (browser === undefined) return system === undefined ? 'an unknown device' : `an unknown program on ${system}`;
  return system === undefined ? browser : `${browser} on ${system}`;
}
