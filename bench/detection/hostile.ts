import { createDice, type Dice } from './random.ts';
import type { Subject } from './subject.ts';

/** What a text of that length cost. */
export interface HostileTime {
  readonly name: string;
  readonly characters: number;
  readonly medianMs: number;
  readonly bar: number;
}

/** Texts that almost are what a rule looks for, over and over: where an expression goes back and forth, or views grow. */
const NEAR_MISSES: Readonly<Record<string, (dice: Dice) => string>> = {
  quotes: (dice) => dice.pick(["'", '"', '`', "\\'", "''"]),
  brackets: (dice) => dice.pick(['(', '((', ')', '[', '{', '<']),
  tags: (dice) => dice.pick(['<a ', '<', '<!--', '</', '<x y=', '<svg/', '<script ']),
  handlers: (dice) => dice.pick(['on', 'onerror', ' onx =', '=', 'style=', ' on on']),
  dots: (dice) => dice.pick(['../', '..\\', './', '....//', '%2e%2e', '..;/']),
  'nested percent': () => '%25',
  'half percent': (dice) => dice.pick(['%', '%2', '%u00', '%u', '%%32', '%c0%a']),
  entities: (dice) => dice.pick(['&amp;', '&#', '&#x', '&#x3c', '&lt', '&#0000', '&amp;amp;']),
  backslashes: (dice) => dice.pick(['\\', '\\u', '\\u00', '\\x', '\\x3', '\\u{']),
  comments: (dice) => dice.pick(['/*', '*/', '/*!', '--', '#', '/**/', '/*/']),
  'words of SQL': (dice) =>
    dice.pick(['select ', 'from ', 'union ', 'or ', "' or ", 'where 1', 'and ', 'sleep ', 'case when ']),
  'words of shells': (dice) => dice.pick(['; ', '| ', '&& ', 'cat ', '$(', '`', 'ls ', 'echo ', '${IFS']),
  templates: (dice) => dice.pick(['{{', '${', '#{', '<%', '{%', '}}', '{{a.', '[[']),
  blanks: (dice) => dice.pick([' ', '\t', '\n', '  ', 'union ', '\u00a0']),
  XML: (dice) => dice.pick(['<!DOCTYPE ', '<!ENTITY ', 'SYSTEM ', '<?xml ', ']>', '%x;', '"']),
  protocols: (dice) => dice.pick(['java', 'javascript', ':', 'data:', 'http://', '//', '@', 'file:', 'jndi:']),
  'full width': (dice) => dice.pick(['＜', '＇', '％', '．', '／', 'ｏｒ ']),
  'one letter': () => 'a',
  numbers: (dice) => dice.pick(['1', '0x', '1e', '.', '-', '1=', '1,']),
  'islands in prose': (dice) => dice.pick(['the pump is ', 'and it said ', "'x'='x ", '<b', '; ls', '{{a', '../x ']),
  'all kinds': (dice) => dice.pick(ALL_MARKS),
};

const ALL_MARKS = [
  "'",
  '"',
  '<',
  '>',
  '(',
  ')',
  '{',
  '}',
  '$',
  '|',
  ';',
  '&',
  '%',
  '\\',
  '/',
  '*',
  '-',
  '=',
  ' ',
  'or',
  'a',
  '1',
] as const;

const SIZES = [
  { characters: 4_096, bar: 5, rounds: 7 },
  { characters: 102_400, bar: 100, rounds: 3 },
] as const;

/** Each kind of text at both lengths, the median of some rounds. */
export function* hostileTimes(subject: Subject, quick: boolean): Generator<HostileTime> {
  for (const { characters, bar, rounds } of SIZES) {
    for (const [name, next] of Object.entries(NEAR_MISSES)) {
      const times = Array.from({ length: quick ? 1 : rounds }, (_, round) => {
        const text = textOf(next, characters, createDice(`${name} ${round}`));
        const begin = process.cpuUsage();
        subject.judgeValue(text, 'value');
        const { user, system } = process.cpuUsage(begin); // by the clock it would count what others do meanwhile
        return (user + system) / 1e3;
      });
      yield { name, characters, bar, medianMs: times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN };
    }
  }
}

function textOf(next: (dice: Dice) => string, characters: number, dice: Dice): string {
  const pieces: string[] = [];
  for (let length = 0; length < characters; ) {
    const piece = next(dice);
    pieces.push(piece);
    length += piece.length;
  }
  return pieces.join('').slice(0, characters);
}
