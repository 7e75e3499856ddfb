import { ALPHABET, BEYOND, type Build, createParts, isWordCode, type Node } from './nodes.ts';

/** Nodes that the copies of a counted repeat may take. Each count would be a state of its own for every other state. */
const MOST_COPIED = 48;
const MOST_DEPTH = 200;

/**
 * Reads an expression of RE2 into nodes. It matches all that RE2 would match, and may match more: what it does not find
 * is not there.
 *
 * @param nodes where they are put
 * @returns the node at which it begins
 * @throws TypeError for what it does not know: who asks must then take it that the expression matches
 */
export function readExpression(text: string, caseSensitive: boolean, nodes: Node[]): number {
  const reader = createReader(text, caseSensitive, nodes);
  const part = reader.whole()();
  const end = nodes.push({ kind: 'end' }) - 1;
  for (const connect of part.ends) connect(end);
  return part.start;
}

function createReader(text: string, caseSensitive: boolean, nodes: Node[]) {
  const { read, assert, nothing, loop, inTurn, anyOf } = createParts(nodes);
  let at = 0;
  let depth = 0;
  const fail = (why: string): never => {
    throw new TypeError(`${why} at ${at} of ${text}`);
  };
  const taken = (sign: string): boolean => {
    if (!text.startsWith(sign, at)) return false;
    at += sign.length;
    return true;
  };

  function alternatives(): Build {
    if (++depth > MOST_DEPTH) fail('nested too deep');
    const ways = [sequence()];
    while (taken('|')) ways.push(sequence());
    depth--;
    return ways.length === 1 ? (ways[0] ?? nothing) : () => anyOf(ways);
  }

  function sequence(): Build {
    const steps: Build[] = [];
    while (at < text.length && text[at] !== '|' && text[at] !== ')') steps.push(repeated(atom()));
    return () => inTurn(steps);
  }

  function atom(): Build {
    const sign = text[at] ?? '';
    if (taken('(?:') || taken('(')) {
      if (text[at] === '?') fail('a group of a kind that is not known');
      const inner = alternatives();
      return taken(')') ? inner : fail('a group without an end');
    }
    at++;
    if (sign === '[') return read(charactersIn());
    if (sign === '.') return read(ANY);
    if (sign === '^') return assert('start');
    if (sign === '$') return assert('finish');
    if (sign === '\\') return escaped();
    if ('*+?'.includes(sign)) fail('nothing to repeat');
    return read(setOf(sign.codePointAt(0) ?? 0));
  }

  function escaped(): Build {
    const sign = text[at] ?? '';
    if (sign === 'b' || sign === 'B') {
      at++;
      return assert(sign === 'b' ? 'edge' : 'no-edge');
    }
    return read(escapedSet());
  }

  /** Behind a backslash: a class, or one character. */
  function escapedSet(): Uint8Array {
    const sign = text[at++] ?? '';
    const known = CLASSES[sign.toLowerCase()];
    if (known !== undefined) return sign === sign.toLowerCase() ? known : inverse(known);
    const control = CONTROLS[sign];
    if (control !== undefined) return setOf(control);
    if (sign === 'x') return setOf(hexadecimal());
    if (/[A-Za-z1-9]/.test(sign) || sign === '') fail('an escape that is not known');
    return setOf(sign === '0' ? 0 : (sign.codePointAt(0) ?? 0));
  }

  function hexadecimal(): number {
    const found = /^(?:([0-9a-f]{2})|\{([0-9a-f]{1,6})\})/i.exec(text.slice(at, at + 8));
    if (found === null) return fail('an escape that is not known');
    at += found[0].length;
    return Number.parseInt(found[1] ?? found[2] ?? '', 16);
  }

  function charactersIn(): Uint8Array {
    const set = new Uint8Array(ALPHABET);
    const isInverse = taken('^');
    for (let first = true; first || text[at] !== ']'; first = false) {
      if (at >= text.length) fail('a class without an end');
      if (text.startsWith('[:', at)) fail('a class that is not known');
      addRange(set);
    }
    at++;
    return isInverse ? inverse(set) : set;
  }

  function addRange(set: Uint8Array): void {
    const low = member();
    if (!(text[at] === '-' && text[at + 1] !== ']') || low.code === undefined) {
      include(set, low.set);
      return;
    }
    at++;
    const high = member();
    const last = high.code ?? fail('a range without an end');
    for (let code = low.code; code <= Math.min(last, BEYOND); code++) include(set, setOf(code));
    if (last >= BEYOND) set[BEYOND] = 1;
  }

  function member(): { readonly set: Uint8Array; readonly code: number | undefined } {
    const point = text.codePointAt(at) ?? 0;
    if (point !== 0x5c) {
      at += point > 0xffff ? 2 : 1;
      return { set: setOf(point), code: point };
    }
    at++;
    const isClass = CLASSES[(text[at] ?? '').toLowerCase()] !== undefined;
    const set = escapedSet();
    const code = set.findIndex((isIn, one) => isIn === 1 && (caseSensitive || !(one >= 65 && one <= 90)));
    return { set, code: isClass ? undefined : code };
  }

  function repeated(build: Build): Build {
    let out = build;
    for (;;) {
      if (taken('*')) out = times(out, 0, Number.POSITIVE_INFINITY);
      else if (taken('+')) out = times(out, 1, Number.POSITIVE_INFINITY);
      else if (taken('?')) out = times(out, 0, 1);
      else {
        const counted = /^\{(\d{1,4})(?:(,)(\d{0,4}))?\}/.exec(text.slice(at, at + 12));
        if (counted === null) return out;
        at += counted[0].length;
        const [, least = '0', comma, most = ''] = counted;
        const upTo = comma === undefined ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most);
        out = times(out, Number(least), upTo);
      }
      taken('?'); // as few as can be: what is matched in the end is the same
    }
  }

  /** At least as often as is said, as far as that takes few nodes; beyond that as often as there is. */
  function times(build: Build, least: number, most: number): Build {
    if (most <= 1) return least === 1 ? build : () => (most === 0 ? nothing() : anyOf([build, nothing]));
    if (least === 0) return () => loop(build);
    return () => {
      const before = nodes.length;
      const first = build();
      const copies = Math.min(least, Math.max(1, Math.floor(MOST_COPIED / (nodes.length - before))));
      const rest = Array<Build>(copies - 1).fill(build);
      return inTurn([() => first, ...rest, ...(most === copies ? [] : [() => loop(build)])]);
    };
  }

  const setOf = (code: number): Uint8Array =>
    (caseSensitive ? EXACT : FOLDED)[Math.min(code, BEYOND)] ?? new Uint8Array(ALPHABET).fill(1);

  const whole = (): Build => {
    const build = alternatives();
    return at === text.length ? build : fail('a bracket that was never opened');
  };
  return { whole };
}

function include(set: Uint8Array, other: Uint8Array): void {
  for (let code = 0; code < ALPHABET; code++) if (other[code] === 1) set[code] = 1;
}
function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}
const setWhere = (is: (code: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: ALPHABET }, (_, code) => (is(code) ? 1 : 0));
const inverse = (set: Uint8Array): Uint8Array => set.map((isIn, code) => (code === BEYOND || isIn === 0 ? 1 : 0));

/** Made once: expressions have a set for every letter of theirs. */
const EXACT = Array.from({ length: ALPHABET }, (_, one) => setWhere((code) => code === one));
const FOLDED = EXACT.map((set, one) => (isLetter(one) ? setWhere((code) => (code | 32) === (one | 32)) : set));
const ANY = setWhere(() => true);

const CLASSES: Readonly<Record<string, Uint8Array>> = {
  d: setWhere((code) => code >= 48 && code <= 57),
  w: setWhere(isWordCode),
  s: setWhere((code) => code === 32 || (code >= 9 && code <= 13 && code !== 11)),
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7 };
