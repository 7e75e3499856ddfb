import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Probe } from '../../bench/detection/probe.ts';
import { createDice } from '../../bench/detection/random.ts';
import { allSeries, type Effort } from '../../bench/detection/series.ts';
import type { Channel, Subject } from '../../bench/detection/subject.ts';
import { openTwinkeep } from '../../bench/detection/twinkeep.ts';
import { vectorFoldersTest } from './vectors.ts';

const SAMPLE: Effort = { wrapped: 20, mutated: 12, carried: 0, carriedHeavy: 0 };
const WHOLE_REQUESTS = ['walk past', 'CRS'];
const MOST_SHOWN = 10;
const CHANNELS = ['value', 'text', 'path', 'name', 'header', 'user-agent'] as const satisfies readonly Channel[];

/**
 * Whatever the rules call an attack the prefilter must not have called clean, wherever the text stands.
 *
 * @param text no attack to the prefilter and the rules together
 */
function missOf(subject: Subject, text: string, channel: Channel): string | undefined {
  const whole = subject.judgeUnfiltered?.(text, channel);
  if (whole === undefined || !whole.attack) return undefined;
  return `${channel} ${JSON.stringify(text.slice(0, 200))}: ${whole.why ?? ''}`;
}

// Attack: a payload that looks so plain that nobody looks at it twice.
vectorFoldersTest('what the prefilter proves clean is no attack to the rules, over all corpora', async (pathOf, t) => {
  const subject = openTwinkeep();
  assert.ok(subject.judgeUnfiltered, 'nothing to compare with');
  const misses: string[] = [];
  const counts = { judged: 0, 'proven clean': 0 };
  for (const { probes, table } of allSeries(pathOf, subject, SAMPLE)) {
    if (WHOLE_REQUESTS.includes(table)) continue;
    for (const { text, channel } of textsOf(probes())) {
      counts.judged++;
      if (subject.judgeValue(text, channel).attack) continue; // so it was looked at
      if (subject.isProvenClean?.(text, channel) === true) counts['proven clean']++;
      const miss = missOf(subject, text, channel);
      if (miss !== undefined) misses.push(miss);
    }
  }
  subject.dispose();
  assert.deepEqual(misses.slice(0, MOST_SHOWN), [], `${misses.length} attacks were proven clean`);
  assert.ok(counts['proven clean'] > 0 && counts['proven clean'] < counts.judged);
  t.diagnostic(JSON.stringify(counts));
});

function* textsOf(probes: Iterable<Probe>): Generator<{ readonly text: string; readonly channel: Channel }> {
  for (const { input } of probes) if (input.kind === 'value') yield input;
}

const WORDS = [
  ...[
    'union',
    'select',
    'from',
    'where',
    'or',
    'and',
    'like',
    'having',
    'order by',
    'group by',
    'sleep',
    'waitfor delay',
  ],
  ...['insert into', 'drop table', 'exec', 'xp_cmdshell', 'information_schema', 'benchmark', 'null', 'rlike', 'is not'],
  ...['cat', 'ls', 'id', 'whoami', 'uname', 'ping', 'nc', 'curl', 'wget', 'bash', 'sh -c', 'cmd', 'powershell', 'sudo'],
  ...[
    'script',
    'alert',
    'onerror',
    'onload',
    'javascript:',
    'vbscript:',
    'data:text',
    'expression',
    'eval',
    'document.cookie',
  ],
  ...[
    'etc',
    'passwd',
    'boot.ini',
    'win.ini',
    '.htaccess',
    'web.config',
    '.ssh',
    'id_rsa',
    'file:',
    'php:',
    'c:',
    '..',
    '...',
  ],
  ...[
    'jndi:ldap:',
    'java.lang.Runtime',
    'class.module',
    '__proto__',
    'constructor',
    'system',
    'phpinfo',
    'doctype',
    'entity',
  ],
  ...[
    'a',
    'pump',
    'Müller',
    '1',
    '0',
    '-1',
    '1.5',
    '99',
    'x1',
    'O',
    'meter_id',
    'kWh',
    '10.0.0.1',
    'ann@example.org',
    '-',
    '--',
    ':',
    ',',
    '.',
  ],
] as const;
const GAPS = [' ', ' ', ' ', '', '_', '.', ',', ':', '-', '  ', '@'] as const;
const GENERATED = 20_000;

// Attack: SQL, commands and paths of nothing but letters, digits and the marks that names have.
test('what the prefilter proves clean is no attack to the rules, over words of attacks put together', (t) => {
  const subject = openTwinkeep();
  const dice = createDice('words of attacks');
  const misses: string[] = [];
  let proven = 0;
  for (let i = 0; i < GENERATED; i++) {
    const words = Array.from({ length: 1 + dice.below(6) }, () => `${dice.pick(WORDS)}${dice.pick(GAPS)}`);
    const text = words.join('').trim();
    const channel = dice.pick(CHANNELS);
    if (subject.isProvenClean?.(text, channel) !== true) continue;
    proven++;
    const miss = missOf(subject, text, channel);
    if (miss !== undefined) misses.push(miss);
  }
  subject.dispose();
  assert.deepEqual(misses.slice(0, MOST_SHOWN), [], `${misses.length} attacks were proven clean`);
  assert.ok(proven > GENERATED / 100, `only ${proven} were proven clean`);
  t.diagnostic(`${proven} of ${GENERATED} proven clean`);
});
