import { sha256 } from '../crypto/index.ts';
import { vaultFault } from './errors.ts';

/** One of the shares into which a master key was split. */
export interface Share {
  /** Of the master key: 16 hex digits. */
  readonly master: string;
  /** Of the splitting: shares of two splittings do not go together. 8 hex digits. */
  readonly set: string;
  readonly threshold: number;
  readonly count: number;
  /** 1 to `count`. */
  readonly number: number;
  /** The share itself, 33 bytes: one of the secret's length and where it stands on the curve. */
  readonly bytes: Buffer;
}

const FORM = 1;
const SHARE_BYTES = 33;
const BODY_BYTES = 16 + SHARE_BYTES;
const CHECK_BYTES = 6;
const GROUPS = ((BODY_BYTES + CHECK_BYTES) * 8) / 20;
const GROUPS_A_LINE = 6;
/** Crockford's: without I, L, O and U, which are mistaken for 1, 0 and V. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TITLE = 'TWINKEEP RECOVERY SHARE';
const MOST_CHARS = 4_096;

/**
 * A share as text to print: a title for people, and groups of five of which the last character checks the others and
 * where they stand, so that a slip is found in its group.
 */
export function formatShare(share: Share): string {
  const { master, threshold, count, number } = share;
  const groups = groupsOf(bytesOf(share));
  const lines = Array.from({ length: Math.ceil(GROUPS / GROUPS_A_LINE) }, (_, at) =>
    [`${at + 1} `, ...groups.slice(at * GROUPS_A_LINE, (at + 1) * GROUPS_A_LINE)].join(' '),
  );
  return [
    `${TITLE} ${number} OF ${count}`,
    `Any ${threshold} of the ${count} together are the master key ${master}. Keep each in another place.`,
    '',
    ...lines,
    '',
  ].join('\n');
}

/**
 * Reads what `formatShare` wrote, to the letter, or its groups alone as somebody has typed them from paper.
 *
 * @param name which of several it is, for the refusal
 * @throws VAULT_SHARES naming the place that is wrong
 */
export function parseShare(text: string, name: string): Share {
  const refuse = (reason: string): Error => vaultFault('VAULT_SHARES', { share: name, reason });
  if (text.length > MOST_CHARS) throw refuse('it is too long for a share');
  const isWhole = text.startsWith('TWIN');
  const groups = isWhole
    ? printedGroups(text)
    : text
        .toUpperCase()
        .split(/[\t\n\r ]+/)
        .filter(isNoLineNumber);
  const bytes = bytesFrom(groups, refuse);
  const share = shareFrom(bytes, refuse);
  if (isWhole) assertPrinted(text.endsWith('\n') ? text : `${text}\n`, formatShare(share), refuse);
  return share;
}

const isNoLineNumber = (word: string): boolean => !/^[1-9]?$/.test(word);

/** Of the numbered lines alone; whether all else is as it was printed is looked at when the share is known. */
const printedGroups = (text: string): readonly string[] =>
  text
    .split('\n')
    .slice(3)
    .flatMap((line) => line.split(' ').filter(isNoLineNumber));

function assertPrinted(text: string, printed: string, refuse: (reason: string) => Error): void {
  if (text === printed) return;
  const length = Math.max(text.length, printed.length);
  const at = Array.from({ length }).findIndex((_, index) => text[index] !== printed[index]);
  const before = text.slice(0, at).split('\n');
  throw refuse(`line ${before.length}, character ${(before.at(-1)?.length ?? 0) + 1} is not as it was printed`);
}

function bytesOf({ master, set, threshold, count, number, bytes }: Share): Buffer {
  const head = Buffer.from([FORM, threshold, count, number]);
  const body = Buffer.concat([head, Buffer.from(master, 'hex'), Buffer.from(set, 'hex'), bytes]);
  return Buffer.concat([body, checkOf(body)]);
}

const checkOf = (body: Uint8Array): Buffer =>
  sha256(Buffer.concat([Buffer.from('twinkeep share\0'), body])).subarray(0, CHECK_BYTES);

function shareFrom(bytes: Buffer, refuse: (reason: string) => Error): Share {
  const body = bytes.subarray(0, BODY_BYTES);
  if (!checkOf(body).equals(bytes.subarray(BODY_BYTES))) throw refuse('its parts do not belong together');
  if (body[0] !== FORM) throw refuse('it is of a newer form than is known here');
  const [, threshold = 0, count = 0, number = 0] = body;
  return {
    master: body.toString('hex', 4, 12),
    set: body.toString('hex', 12, 16),
    threshold,
    count,
    number,
    bytes: body.subarray(16),
  };
}

function groupsOf(bytes: Buffer): readonly string[] {
  const bits = BigInt(`0x${bytes.toString('hex')}`);
  return Array.from({ length: GROUPS }, (_, at) => {
    const four = Number((bits >> BigInt(20 * (GROUPS - 1 - at))) & 0xfffffn);
    const digits = [15, 10, 5, 0].map((shift) => (four >> shift) & 31);
    return [...digits, checkDigit(digits, at)].map((digit) => ALPHABET[digit]).join('');
  });
}

function bytesFrom(groups: readonly string[], refuse: (reason: string) => Error): Buffer {
  let bits = 0n;
  for (const [at, group] of groups.entries()) {
    const place = `row ${Math.floor(at / GROUPS_A_LINE) + 1}, group ${(at % GROUPS_A_LINE) + 1}`;
    const digits = [...group].map((letter) => ALPHABET.indexOf(letter));
    if (digits.length !== 5 || digits.includes(-1)) throw refuse(`${place} is no group of five of ${ALPHABET}`);
    if (at >= GROUPS || checkDigit(digits.slice(0, 4), at) !== digits[4]) throw refuse(`${place} has a slip in it`);
    for (const digit of digits.slice(0, 4)) bits = (bits << 5n) | BigInt(digit);
  }
  if (groups.length < GROUPS) throw refuse(`it has ${groups.length} groups of ${GROUPS}: its end is missing`);
  return Buffer.from(bits.toString(16).padStart((BODY_BYTES + CHECK_BYTES) * 2, '0'), 'hex');
}

/** Weighs each digit differently, over GF(32): no single slip and no two digits in the wrong order go unseen. */
const checkDigit = (digits: readonly number[], at: number): number =>
  digits.reduce((sum, digit, index) => sum ^ times(digit, index + 2), at & 31);

/** In GF(32) with x⁵ + x² + 1. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 4; bit >= 0; bit--) {
    product = (product << 1) ^ (product & 16 ? 37 : 0) ^ (b & (1 << bit) ? a : 0);
  }
  return product;
}
