import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Route } from '../http/index.ts';
import { createReplay } from './replay.ts';
import { createHarCutter } from './replay-har.ts';
import { type RecordingFormat, readRecording } from './replay-lines.ts';
import type { Read } from './replay-sample.ts';
import type { Finding, Verdict } from './verdict.ts';

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(reads: AsyncIterable<Read>): Promise<readonly Read[]> {
  const found: Read[] = [];
  for await (const read of reads) found.push(read);
  return found;
}

async function readAll(text: string, format?: RecordingFormat, size = 7): Promise<readonly Read[]> {
  return all(readRecording(inChunks(Buffer.from(text), size), format));
}

const urls = (reads: readonly Read[]) => reads.map((read) => ('sample' in read ? read.sample.url : read.bad.reason));

test('requests as JSON lines are read with method, headers and body, and bad lines are named', async () => {
  const lines = [
    '{"method":"POST","url":"https://twin.example/a?b=1#c","headers":{"X-A":["1","2"]},"body":{"n":1},"label":"sqli"}',
    '',
    '{"url":"/x","body_base64":"AAE=","headers":[{"name":"Cookie","value":"a=1"},{"name":"cookie","value":"b=2"}]}',
    '{ broken',
    '{"nothing":1}',
  ].join('\r\n');
  const reads = await readAll(lines);
  assert.deepEqual(urls(reads), ['/a?b=1', '/x', 'is not JSON', 'has neither a url nor a payload, value or text']);
  const [first, second, third] = reads;
  assert.ok(first !== undefined && 'sample' in first && second !== undefined && 'sample' in second);
  assert.deepEqual({ ...first.sample.headers }, { host: 'twin.example', 'x-a': '1, 2' });
  assert.deepEqual([first.sample.body?.toString(), first.sample.label], ['{"n":1}', 'sqli']);
  assert.deepEqual([second.sample.headers.cookie, [...(second.sample.body ?? [])]], ['a=1; b=2', [0, 1]]);
  assert.deepEqual(third, { bad: { place: 'line 4', reason: 'is not JSON' } });
});

test('access logs are read in both forms, their escapes undone', async () => {
  const log = [
    '127.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET /a?q=\\"x\\x27 HTTP/1.1" 200 5 "https://r.example/" "Agent \\"7\\""',
    '::1 - ada lovelace [10/Oct/2026:13:55:36 +0000] "HEAD /b HTTP/1.0" 404 -',
    '::1 - - [10/Oct/2026:13:55:36 +0000] "\\x16\\x03\\x01" 400 0 "-" "-"',
    'no log at all',
  ].join('\n');
  const reads = await readAll(log);
  assert.deepEqual(urls(reads), ['/a?q="x\'', '/b', 'has no request in its quotes', 'is no line of an access log']);
  const [first] = reads;
  assert.ok(first !== undefined && 'sample' in first);
  assert.deepEqual({ ...first.sample.headers }, { referer: 'https://r.example/', 'user-agent': 'Agent "7"' });
});

test('a corpus is read as texts, plain or labelled', async () => {
  assert.deepEqual(urls(await readAll("a b\n'or 1\n")), ['/?text=a%20b', "/?text='or%201"]);
  const labelled = await readAll('{"payload":"x","class":"xss"}\n{"value":"y","label":0}');
  assert.deepEqual(
    labelled.map((read) => 'sample' in read && read.sample.label),
    ['xss', '0'],
  );
});

// Attack: a file that is no record passes for one in which nothing is hit.
test('a JSON array is no record of honest texts, and is said how to make one', async () => {
  for (const text of ['[{"field":"query.q","because":"x"}]', '[\n  {\n "url": "/x" }\n]', '[]', '["a","b"]'])
    assert.match(urls(await readAll(text)).join(), /^begins a JSON array; [^,]+$/, text);
  assert.deepEqual(urls(await readAll('[php]echo 1;[/php]')).length, 1);
});

// Attack: a line without an end, to fill the memory of whoever looks at it.
test('a line that is too long is named and skipped, and the next one is read', async () => {
  async function* lines() {
    for (let each = 0; each < 300; each++) yield Buffer.alloc(65_536, 0x61);
    yield Buffer.from('\n{"url":"/next"}\n');
  }
  const before = process.memoryUsage().arrayBuffers;
  const reads = await all(readRecording(lines(), 'jsonl'));
  assert.deepEqual(urls(reads), ['is longer than 16777216 bytes', '/next']);
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1_048_576);
});

const request = (url: string) => ({ request: { method: 'GET', url, headers: [{ name: ':path', value: '/' }] } });

test('the entries of a HAR file are found wherever it is cut, whatever stands in and around them', async () => {
  const odd = fc.string({ unit: 'binary', maxLength: 30 });
  const braces = fc.stringMatching(/^[{}[\]"\\:,a-z]{0,20}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(odd, braces), { maxLength: 5 }),
      fc.integer({ min: 1, max: 40 }),
      fc.boolean(),
      async (texts, size, pretty) => {
        const entries = texts.map(([one, two], at) => ({
          ...request(`/${at}`),
          response: { content: { text: one, entries: [two, []] } },
          [two]: [],
        }));
        const har = {
          log: { version: '1.2', pages: [{ id: 'entries', title: '"entries": [' }], entries, comment: 'x' },
        };
        const reads = await readAll(JSON.stringify(har, null, pretty ? 2 : 0), 'har', size);
        assert.deepEqual(
          urls(reads),
          texts.map((_, at) => `/${at}`),
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('a HAR file that is cut off, and an entry that is none, are named', async () => {
  const text = JSON.stringify({ log: { entries: [request('/a'), { no: 1 }, request('/b')] } });
  assert.deepEqual(urls(await readAll(text, 'har')), ['/a', 'is no entry with a request', '/b']);
  const cut = await readAll(text.slice(0, -20), 'har');
  assert.match(urls(cut).at(-1) ?? '', /ends before/);
});

test('an entry that is larger than may be held is skipped, and those after it are read', () => {
  const cutter = createHarCutter(100);
  const text = JSON.stringify({ log: { entries: [request('/a'), { x: 'y'.repeat(500) }, request('/b')] } });
  const found = [...text.matchAll(/.{1,9}/gs)].flatMap(([part]) => cutter.add(part));
  assert.deepEqual(
    found.map((one) => one?.length),
    [JSON.stringify(request('/a')).length, undefined, JSON.stringify(request('/b')).length],
  );
  assert.ok(cutter.isOver());
});

const route: Route = {
  ...{
    method: 'GET',
    path: '/x',
    summary: '',
    replies: {},
    faults: [],
    handle: () => Promise.reject(new TypeError('nobody asks it')),
  },
  access: { kind: 'public', because: 'for this test' },
};

/** Rules that find a word. */
const finding = (word: string, rule: string) => ({
  judge: (_route: Route, { url }: { readonly url: string }) => {
    const hits = [{ rule, class: 'sqli', weight: 5, view: 'raw', evidence: word }] as const;
    const findings: Finding[] = [{ at: 'query.q', score: 5, class: 'sqli', hits }];
    const verdict: Verdict = {
      attack: true,
      mode: 'block',
      score: 5,
      threshold: 5,
      findings,
      excepted: [],
      unreadable: undefined,
      fingerprint: '',
    };
    return { verdicts: url.includes(word) ? [verdict] : [], mode: 'block' as const, bodySeen: true };
  },
});
const sample = (at: number, url: string, label?: string): Read => ({
  sample: { place: `line ${at}`, method: 'GET', url, headers: {}, label },
});

test('who is hit and who is freed is counted by rule, route and label, and what honest people lose too', () => {
  const replay = createReplay({ now: finding('old', 'r-old'), changed: finding('new', 'r-new'), routeOf: () => route });
  const reads = [
    sample(1, '/old', 'sqli'),
    sample(2, '/new'),
    sample(3, '/old-new', 'benign'),
    sample(4, '/none', 'xss'),
  ];
  for (const read of reads) replay.add(read);
  replay.add({ bad: { place: 'line 5', reason: 'is not JSON' } });
  const report = replay.report();
  const { requests, now, changed, hit, freed, falseHits, bad } = report;
  assert.deepEqual(
    { requests, now, changed, hit, freed, falseHits, bad },
    { requests: 4, now: 2, changed: 2, hit: 1, freed: 1, falseHits: 2, bad: 1 },
  );
  assert.deepEqual(report.byRule.map(({ rule, hit: more, freed: less }) => [rule, more, less]).sort(), [
    ['r-new', 2, 0],
    ['r-old', 0, 2],
  ]);
  assert.deepEqual(
    report.examples.map(({ place, fate }) => `${place} ${fate}`),
    ['line 1 freed', 'line 2 hit', 'line 3 false'],
  );
  assert.deepEqual(report.byLabel.length, 3);
  assert.deepEqual(report.badSamples, [{ place: 'line 5', reason: 'is not JSON' }]);
});

// Attack: a recording with as many labels, bad lines and attacks as it has lines.
test('what is kept of a long recording does not grow with it', () => {
  const replay = createReplay({ now: finding('a', 'r'), changed: finding('b', 'r'), routeOf: () => route });
  for (let each = 0; each < 5_000; each++) {
    replay.add(sample(each, each % 2 === 0 ? '/a' : '/b', `label ${each}`));
    replay.add({ bad: { place: `line ${each}`, reason: 'x' } });
  }
  const { byLabel, badSamples, examples, bad } = replay.report();
  assert.ok(byLabel.length <= 101 && badSamples.length === 20 && examples.length === 20 && bad === 5_000);
});
