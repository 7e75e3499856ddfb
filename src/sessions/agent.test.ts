import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { agentOf, wordsOf } from './agent.ts';

const CASES: readonly (readonly [userAgent: string, words: string, kind: string])[] = [
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0', 'Firefox on Windows', 'desktop'],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0',
    'Edge on Windows',
    'desktop',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15',
    'Safari on macOS',
    'desktop',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1',
    'Safari on iOS',
    'mobile',
  ],
  [
    'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36',
    'Chrome on Android',
    'mobile',
  ],
  [
    'Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
    'Chrome on Android',
    'tablet',
  ],
  ['curl/8.9.1', 'curl', 'program'],
  ['python-requests/2.32.3', 'Python', 'program'],
  ['', 'an unknown device', 'unknown'],
  ['test/1', 'an unknown device', 'unknown'],
];

test('a device is named in words that people know', () => {
  for (const [userAgent, words, kind] of CASES) {
    const agent = agentOf(userAgent);
    assert.deepEqual([wordsOf(agent), agent.kind], [words, kind], userAgent);
  }
});

// Attack: a user agent of any length and content, to be shown in a list or an e-mail.
test('whatever a client calls itself, the words are ours and few', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (userAgent) => {
      assert.match(wordsOf(agentOf(userAgent)), /^[A-Za-z. ]{1,60}$/);
    }),
  );
});
