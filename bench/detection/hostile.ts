import { gzipSync } from 'node:zlib';
import { createDice, type Dice } from './random.ts';
import type { Subject, WholeRequest } from './subject.ts';

/** What a text of that length cost. */
export interface HostileTime {
  readonly name: string;
  readonly characters: number;
  /** The least of several runs over the same text, of the dearest text. */
  readonly ms: number;
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
  // Made by hand to be dear: a beginning of some rule in each word, so that every group of rules is asked.
  'every group': (dice) => dice.pick(EVERY_GROUP),
  'every group, in words': (dice) => `${dice.pick(EVERY_GROUP)} the ${dice.pick(['pump', 'is', 'of a', 'we'])} `,
};

const EVERY_GROUP = [
  "' or 1",
  '; cat /etc/',
  '{{a.b',
  '<svg onx=',
  '../..\\',
  '$(id',
  '%00',
  '<!ENTITY x',
  '$ne',
  '<?php system(',
  'union select ',
  'javascript:',
  'http://169.254.',
  '`ls`|',
  'sleep(1',
  '${jndi:',
  '*)(uid=',
  'exec xp_',
] as const;

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
  { characters: 4_096, bar: 5, texts: 3, runs: 9 },
  { characters: 102_400, bar: 100, texts: 2, runs: 3 },
] as const;

/** Each kind of text at both lengths, by itself and in whole requests. By the clock it would count what others do meanwhile, so it is CPU time. */
export function* hostileTimes(subject: Subject, quick: boolean): Generator<HostileTime> {
  for (const { characters, bar, texts, runs } of SIZES) {
    for (const [name, next] of Object.entries(NEAR_MISSES)) {
      let ms = 0;
      for (let nth = 0; nth < (quick ? 1 : texts); nth++) {
        const text = textOf(next, characters, createDice(`${name} ${nth}`));
        subject.judgeValue(text, 'value'); // the first time something may have to be made
        const judge = (): unknown => subject.judgeValue(text, 'value');
        ms = Math.max(ms, Math.min(...Array.from({ length: runs }, () => costOf(judge))));
      }
      yield { name, characters, bar, ms };
    }
  }
  yield* hostileRequestTimes(subject, quick);
}

function costOf(work: () => void): number {
  const begin = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1e3;
}

/** How one dear text is cut into many small ones: each of them is walked, decoded and looked at by itself. */
const STRUCTURES: Readonly<Record<string, (text: string) => Partial<WholeRequest>>> = {
  query: (text) => ({ uri: `/x?${piecesOf(text, 10).map(inName).join('&')}`, body: Buffer.of() }),
  cookies: (text) => ({ headers: { cookie: piecesOf(text.replaceAll(';', ','), 16).map(asMember).join('; ') } }),
  headers: (text) => ({ headers: Object.fromEntries(piecesOf(text, 36).map((piece, i) => [`x-${i}`, piece])) }),
  'JSON keys': (text) => typed('application/json', JSON.stringify(Object.fromEntries(piecesOf(text, 14).map(asPair)))),
  XML: (text) => typed('application/xml', `<r>${piecesOf(text.replace(/[<&"]/g, ''), 26).map(asElement).join('')}</r>`),
  'UTF-16': (text) => ({
    headers: { 'content-type': 'text/plain; charset=utf-16le' },
    body: Buffer.from(text.slice(0, text.length / 2), 'utf16le'),
  }),
  multipart: (text) => typed('multipart/form-data; boundary=b', `${piecesOf(text, 95).map(asPart).join('')}--b--\r\n`),
  gzip: (text) => ({
    headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
    body: gzipSync(text.repeat(4)),
  }),
};

const DEAREST = ['every group', 'all kinds', 'backslashes', 'full width'] as const;

/** @param each characters that a piece takes on the wire, of which most structures have some for themselves */
const piecesOf = (text: string, each: number): readonly string[] =>
  Array.from({ length: Math.min(1_000, Math.floor(text.length / (each + 14))) }, (_, i) =>
    text.slice(i * each, (i + 1) * each),
  );
const asMember = (piece: string, i: number): string => `a${i}=${piece}`;
const inName = (piece: string, i: number): string => `a${i}=${encodeURIComponent(piece).slice(0, 20)}`;
const asPair = (piece: string, i: number): readonly [string, number] => [piece + i, 1];
const asElement = (piece: string): string => `<a b="${piece.slice(0, 12)}">${piece.slice(12)}</a>`;
const asPart = (piece: string, i: number): string =>
  `--b\r\nContent-Disposition: form-data; name="a${i}"\r\n\r\n${piece}\r\n`;
const typed = (type: string, body: string): Partial<WholeRequest> => ({
  headers: { 'content-type': type },
  body: Buffer.from(body),
});

/** Whole requests of the dearest texts, at both lengths; of a head no server takes 100 KB. */
function* hostileRequestTimes(subject: Subject, quick: boolean): Generator<HostileTime> {
  for (const { characters, bar, runs } of SIZES) {
    for (const [structure, requestOf] of Object.entries(STRUCTURES)) {
      if (characters > 16_384 && ['query', 'cookies', 'headers'].includes(structure)) continue;
      let ms = 0;
      for (const kind of quick ? DEAREST.slice(0, 1) : DEAREST) {
        const next = NEAR_MISSES[kind];
        if (next === undefined) throw new RangeError(`no near misses are called ${kind}`);
        const text = textOf(next, characters, createDice(`${structure} ${kind}`));
        const request = { method: 'POST', uri: '/v1/x', headers: {}, body: Buffer.of(), ...requestOf(text) };
        const judge = (): unknown => subject.judgeRequest(request);
        judge(); // the first time something may have to be made
        ms = Math.max(ms, Math.min(...Array.from({ length: runs }, () => costOf(judge))));
      }
      yield { name: `request: ${structure}`, characters, bar, ms };
    }
  }
}

/** One text of each kind. */
export const hostileTexts = (characters: number): readonly string[] =>
  Object.entries(NEAR_MISSES).map(([name, next]) => textOf(next, characters, createDice(name)));

function textOf(next: (dice: Dice) => string, characters: number, dice: Dice): string {
  const pieces: string[] = [];
  for (let length = 0; length < characters; ) {
    const piece = next(dice);
    pieces.push(piece);
    length += piece.length;
  }
  return pieces.join('').slice(0, characters);
}
