import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { createKit, type Kit } from '../../src/testing/index.ts';
import { type Recorder, startRecorder, valuesOf } from '../faults/gateway-recorder.ts';
import { type Spoken, speak } from '../faults/gateway-speak.ts';

const AT_ONCE = 20;

/** Each route tells the back end by its host which one it was. */
const PATHS = ['/public/*', '/public/admin/*', '/admin/*', '/public/admin', '/meters/:id', '/exact', '/a.b/c'] as const;
type Path = (typeof PATHS)[number];
const hostOf = (path: Path): string => `route${PATHS.indexOf(path)}.test`;
const isPublic = (path: Path | undefined): boolean => path === '/public/*';

let kit: Kit;
let recorder: Recorder;
let token: string;
before(async () => {
  recorder = await startRecorder();
  const backEnds = { twin: { url: recorder.url } };
  const routes = PATHS.map((path) =>
    isPublic(path)
      ? {
          path,
          to: 'twin',
          hostHeader: hostOf(path),
          access: 'public' as const,
          because: 'the test asks without a token',
        }
      : { path, to: 'twin', hostHeader: hostOf(path) },
  );
  kit = await createKit({ config: { limits: { enabled: false }, gateway: { backEnds, routes } } });
  token = await kit.signIn();
});
after(async () => {
  await kit.close();
  await recorder.close();
});
beforeEach(() => recorder.clear());

/** Which route a reader of bytes finds who decodes nothing, and takes the longest. */
function routeOf(target: string): Path | undefined {
  const path = target.split('?', 1)[0] ?? '';
  if (path.startsWith('/public/admin/')) return '/public/admin/*';
  if (path === '/public/admin') return '/public/admin';
  if (path.startsWith('/public/')) return '/public/*';
  if (path.startsWith('/admin/')) return '/admin/*';
  if (/^\/meters\/[^/]+$/.test(path)) return '/meters/:id';
  if (path === '/exact' || path === '/a.b/c') return path;
  return undefined;
}

/** @returns flaws: what the back end got that was not sent so, or came by another route than its bytes say */
async function flawsOf(targets: readonly string[], credential: string): Promise<readonly string[]> {
  recorder.clear();
  const headers = `Host: twin.test\r\n${credential}Connection: close\r\n`;
  const answers = await Promise.all(
    targets.map((target, at) => speak(kit.address, `GET ${target} HTTP/1.1\r\n${headers}X-At: ${at}\r\n\r\n`)),
  );
  const flaws = answers.flatMap(({ statuses, closed }: Spoken, at) =>
    closed && statuses.length === 1 && (statuses[0] ?? 500) < 500 ? [] : [`${targets[at]} was answered ${statuses}`],
  );
  for (const request of recorder.requests) {
    const sent = targets[Number(valuesOf(request, 'x-at')[0])] ?? '';
    const route = routeOf(sent);
    if (request.target !== sent) flaws.push(`${sent} arrived as ${request.target}`);
    if (route === undefined || valuesOf(request, 'host')[0] !== hostOf(route)) flaws.push(`${sent} came as another's`);
    if (credential === '' && !isPublic(route)) flaws.push(`${sent} came without a token`);
  }
  return flaws;
}

const PARTS = ['/', '/', '/', 'public', 'admin', 'meters', 'exact', 'a.b', 'c', '.', '..', '%2e', '%2E', '%2f', '%2F'];
const ODD = [
  '//',
  ';',
  ';a=b',
  '\\',
  '%5c',
  '%',
  '%2',
  '%zz',
  '%00',
  '%c0%ae',
  '%252e',
  '%25',
  '%20',
  '%61',
  '%3b',
  '?',
];
const SIGNS = [
  '#',
  '@',
  ':',
  '*',
  '~',
  '^',
  '|',
  '[',
  '{',
  '"',
  '<',
  '`',
  '\xe9',
  '\x80',
  '\xff',
  'http:',
  'ADMIN',
  '_',
];
const target = fc
  .array(fc.constantFrom(...PARTS, ...ODD, ...SIGNS), { minLength: 1, maxLength: 9 })
  .chain((parts) =>
    fc.constantFrom('', '/', '/public/', '/public/', '/admin/', '/meters/').map((head) => head + parts.join('')),
  );

test('what the back end gets is byte for byte what the policy saw, whatever is asked', async (t) => {
  let arrived = 0;
  const credentials = ['', `Authorization: Bearer ${token}\r\n`];
  await fc.assert(
    fc.asyncProperty(fc.array(target, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (targets) => {
      for (const credential of credentials) {
        assert.deepEqual(await flawsOf(targets, credential), []);
        arrived += recorder.requests.length;
      }
    }),
    { numRuns: 50 },
  );
  assert.ok(arrived > 50, `${arrived} arrived`);
  t.diagnostic(`${2 * 50 * AT_ONCE} requests, ${arrived} arrived`);
});

// Attack: a public path that the back end reads as one that is not.
test('nothing behind a public route is reached in another spelling', async () => {
  const ways = [
    '..%2fadmin',
    '..%2Fadmin/x',
    '../admin/x',
    '%2e%2e/admin/x',
    '.%2e/admin/x',
    '%2e./admin',
    '..;/admin/x',
  ];
  const others = [
    ...[
      '..\\admin',
      '..%5cadmin',
      '/admin',
      '/../admin',
      './admin/x',
      './/admin/x',
      '%2e/admin/x',
      'x/../admin/x',
      ';/admin/x',
    ],
    ...['a;b/../admin', 'ADMIN/x', 'Admin', 'admin;x', 'admin%2fx', '%61dmin/x', 'admin%00', '%c0%ae%c0%ae/admin'],
    ...[
      '..%252fadmin',
      '%252e%252e/admin',
      '..%c0%afadmin',
      '%uff0e%uff0e/admin',
      'x%0d%0aX:%20y',
      'x#/../admin',
      '..?/admin',
    ],
    ...[
      'x\\..\\admin',
      '%5c../admin',
      'admin\\x',
      'x"y',
      'x<y',
      'x`y',
      'x{y}',
      'x^y',
      '\xef\xbc\x8e\xef\xbc\x8e/admin',
    ],
  ];
  const all = [...ways, ...others].map((way) => `/public/${way}`);
  const more = [
    '//public/x',
    '/public//x',
    '/public\\x',
    '/PUBLIC/x',
    '/public/.',
    '/public/..',
    '/./public/x',
    '/public/../public/x',
  ];
  for (const path of [...all, ...more, '/public;a/x', '/public%2fx', '/%70ublic/x', '\\public/x', '/public/x%']) {
    const { statuses, closed } = await speak(
      kit.address,
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    assert.ok(closed && [400, 401, 404].includes(statuses[0] ?? 0), `${path}: ${statuses}`);
    assert.equal(recorder.bytes(), '', path);
  }
});

test('what an address may hold arrives as it was sent', async () => {
  const good = [
    ...[
      '/public/',
      '/public/x',
      '/public/x/',
      '/public/a.b/..c/d..',
      '/public/caf%C3%A9',
      '/public/a%20b',
      '/public/100%25',
    ],
    ...[
      "/public/@a/$b/(c),*=+!'",
      '/public/x?q=../admin',
      '/public/x?q=%2e%2e%2fadmin&q=2',
      '/public/x?',
      '/public/x?a?b',
      '/public/~a:b[c]|d',
    ],
  ];
  assert.deepEqual(await flawsOf(good, ''), []);
  assert.deepEqual(recorder.requests.map((request) => request.target).sort(), [...good].sort());
});
