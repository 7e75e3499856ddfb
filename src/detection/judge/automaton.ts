import { ALPHABET, BEYOND, isWordCode, type Node } from './nodes.ts';

/** Many expressions at once, in one pass over a text. */
export interface Automaton {
  /** @returns false where none of them matches anywhere; true where one may */
  mayMatch(text: string): boolean;
}

/** States that are kept, at about half a KiB each; then all are let go, and those in use come back. */
const MAX_STATES = 2_000;
const MAX_KERNEL = 400;
/** Nodes that are gone through for the new steps of one text: hostile texts are left to who looks closer. */
const MOST_BUILT = 800;
/** What a new step takes whatever it goes through. */
const STEP = 8;
/** Nodes for new steps at first, and again after all was let go. */
const CREDIT = 400_000;
const CREDIT_AGAIN = 50_000;
/** So many more for each character, or texts that never repeat would keep it building. */
const EARNED = 1 / 8;

const UNKNOWN = -1;
const FOUND = -2;

/** One place in all expressions at once: the nodes that are open, apart from the beginnings, which always are. */
interface State {
  readonly kernel: Int32Array;
  readonly isStart: boolean;
  readonly behindWord: boolean;
}

const START: State = { kernel: new Int32Array(), isStart: true, behindWord: false };

/**
 * A deterministic automaton, made as texts need it. Linear in the text; its memory is bounded.
 *
 * @param starts the nodes at which the expressions begin
 * @see Cox (2010): Regular Expression Matching in the Wild
 */
export function createAutomaton(nodes: readonly Node[], starts: readonly number[]): Automaton {
  const { classOf, width, samples } = classesOf(nodes);
  const follow = createFollower(nodes);
  const begins = Int32Array.from(starts);
  const known = createStates(width);
  const finish = width - 1;
  let credit = CREDIT;
  /** What the beginnings come to, by what stands before and comes next. */
  const begun = new Map<number, Int32Array | typeof FOUND>();

  function begunAt(state: State, sample: number, cls: number): Int32Array | typeof FOUND {
    const key = (cls * 2 + Number(state.isStart)) * 2 + Number(state.behindWord);
    const before = begun.get(key);
    if (before !== undefined) return before;
    const made = follow(begins, state, sample) ?? FOUND;
    begun.set(key, made);
    return made;
  }

  /** @returns the state that a character of a class leads to, or FOUND */
  function stepOf(id: number, cls: number): number {
    const state = known.states[id];
    const sample = samples[cls];
    if (state === undefined || sample === undefined) return FOUND;
    const fresh = begunAt(state, sample, cls);
    const kernel = fresh === FOUND ? undefined : follow(state.kernel, state, sample, fresh);
    if (kernel === undefined || kernel.length > MAX_KERNEL) return FOUND;
    return known.idOf(kernel.sort(), sample >= 0 && isWordCode(sample));
  }

  /** As `stepOf`, remembered; FOUND too where too much would have to be built. */
  function build(id: number, cls: number, floor: number): number {
    if (credit <= floor) return FOUND;
    credit -= STEP + (known.states[id]?.kernel.length ?? 0);
    const next = stepOf(id, cls);
    known.keep(id, cls, next);
    return next;
  }

  return {
    mayMatch: (text) => {
      if (known.states.length > MAX_STATES) {
        known.forget();
        credit += CREDIT_AGAIN;
      }
      const { length } = text;
      if (credit < CREDIT) credit += length * EARNED;
      const floor = Math.max(0, credit - MOST_BUILT);
      let { table } = known;
      let id = 0;
      for (let at = 0; at <= length; at++) {
        let cls = finish;
        if (at < length) {
          const code = text.charCodeAt(at);
          if (code > BEYOND && (code === LONG_S || code === KELVIN)) return true; // letters of ASCII, whatever their case, to some
          cls = classOf[Math.min(code, BEYOND)] ?? 0;
        }
        let next = table[id * width + cls] ?? UNKNOWN;
        if (next === UNKNOWN) {
          next = build(id, cls, floor);
          ({ table } = known); // it may have grown
        }
        if (next === FOUND) return true;
        id = next;
      }
      return false;
    },
  };
}

const FINISH = -1;
const LONG_S = 0x17f;
const KELVIN = 0x212a;

/** States by what they are, and the steps between them: a row for each state, a column for each class of characters. */
function createStates(width: number) {
  const known = { states: [] as State[], table: new Int32Array(), idOf, keep, forget };
  let byHash = new Map<number, number[]>();

  function forget(): void {
    known.table = new Int32Array(16 * width).fill(UNKNOWN);
    known.states = [START];
    byHash = new Map();
  }

  function idOf(kernel: Int32Array, behindWord: boolean): number {
    let hash = behindWord ? 1 : 0;
    for (let at = 0; at < kernel.length; at++) hash = Math.imul(hash ^ (kernel[at] ?? 0), 0x01000193);
    const alike = byHash.get(hash) ?? [];
    for (const id of alike) {
      const state = known.states[id];
      if (state?.behindWord === behindWord && isSame(state.kernel, kernel)) return id;
    }
    const id = known.states.push({ kernel, isStart: false, behindWord }) - 1;
    alike.push(id);
    byHash.set(hash, alike);
    if (known.states.length * width > known.table.length) {
      const larger = new Int32Array(known.table.length * 2).fill(UNKNOWN);
      larger.set(known.table);
      known.table = larger;
    }
    return id;
  }

  function keep(id: number, cls: number, next: number): void {
    known.table[id * width + cls] = next;
  }

  forget();
  return known;
}

function isSame(one: Int32Array, other: Int32Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** Goes from nodes over one character to those behind it. */
function createFollower(nodes: readonly Node[]) {
  const seen = new Uint32Array(nodes.length);
  const put = new Uint32Array(nodes.length);
  let round = 0;

  /**
   * @param sample a character of the class that is read
   * @param more what is reached besides
   * @returns each node once, or undefined where an end was reached
   */
  return (from: Int32Array, state: State, sample: number, more = START.kernel): Int32Array | undefined => {
    const isWord = sample >= 0 && isWordCode(sample);
    const stack: number[] = [];
    const into: number[] = [];
    round++;
    const add = (id: number): void => {
      if (put[id] === round) return;
      put[id] = round;
      into.push(id);
    };
    for (let at = 0; at < more.length; at++) add(more[at] ?? 0);
    for (let at = 0; at < from.length; at++) stack.push(from[at] ?? 0);
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (id === -1 || seen[id] === round) continue;
      seen[id] = round;
      const node = nodes[id];
      if (node === undefined) continue;
      if (node.kind === 'end') return undefined;
      if (node.kind === 'both') stack.push(node.next, node.other);
      else if (node.kind === 'read') {
        if (sample < 0 || node.set[sample] !== 1) continue;
        add(node.next);
        if (sample === BEYOND) add(id); // one character there may be two here
      } else if (holds(node.what, state, isWord, sample === FINISH)) stack.push(node.next);
    }
    return Int32Array.from(into);
  };
}

function holds(what: string, { isStart, behindWord }: State, isWord: boolean, isFinish: boolean): boolean {
  if (what === 'start') return isStart;
  if (what === 'finish') return isFinish;
  return (behindWord !== isWord) === (what === 'edge');
}

/** Characters that no expression tells apart are one class; the last class is the end of the text. */
function classesOf(nodes: readonly Node[]) {
  const distinct = new Set<Uint8Array>([WORDS]);
  for (const node of nodes) if (node.kind === 'read') distinct.add(node.set);
  const classOf = new Uint8Array(ALPHABET);
  const sizes = new Uint8Array(ALPHABET);
  sizes[0] = ALPHABET;
  let count = 1;
  for (const set of distinct) count = split(set, classOf, sizes, count);
  const samples = Array.from({ length: count }, (_, cls) => classOf.indexOf(cls));
  samples.push(FINISH);
  return { classOf, width: samples.length, samples };
}

/** Of each class that is partly in a set, what is inside becomes another. @returns how many there are then */
function split(set: Uint8Array, classOf: Uint8Array, sizes: Uint8Array, count: number): number {
  const inside = new Uint8Array(count);
  for (let code = 0; code < ALPHABET; code++) {
    const cls = classOf[code] ?? 0;
    if (set[code] === 1) inside[cls] = (inside[cls] ?? 0) + 1;
  }
  const before = count;
  const becomes = inside.map((size, cls) => (size === 0 || size === sizes[cls] ? cls : count++));
  if (count === before) return count;
  for (let code = 0; code < ALPHABET; code++) {
    const cls = classOf[code] ?? 0;
    const next = becomes[cls] ?? cls;
    if (set[code] !== 1 || next === cls) continue;
    classOf[code] = next;
    sizes[cls] = (sizes[cls] ?? 0) - 1;
    sizes[next] = (sizes[next] ?? 0) + 1;
  }
  return count;
}

const WORDS = Uint8Array.from({ length: ALPHABET }, (_, code) => (isWordCode(code) ? 1 : 0));
