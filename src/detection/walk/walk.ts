import type { Cursor, Oddity, Part, Visit } from './leaf.ts';

const MAX_LEAVES = 10_000;
const MAX_CHARACTERS = 4_194_304;
const MAX_PLACE = 256;
const MAX_NAME = 64;
/** So many names of one walk are visited each time; from then on a name that was visited is not visited again. */
const NAMES_REPEATED = 64;

/** Of texts beyond the most, so many that are more than a word or number are still visited each. */
const MAX_LATE_LEAVES = 2_000;
const WORD = /^[\p{L}\p{N}_:+-]{0,64}(?:\.\d[\p{L}\p{N}:+-]{0,32})?$/u;
/** Other late texts are visited in windows of one field each, and of at most so many fields. */
const LATE_WINDOW = 3_500;
const MAX_LATE_FIELDS = 64;
/** Rules know the beginning of a path by a sign before it, and that of all else by a blank. */
const PATH_BEGIN = /^[./\\%?]/;

const PLAIN_NAME = /^[\w$@:-]{1,64}$/;
/** Of a parameter: `a[b][0]` is the way in which forms write members. */
const PARAMETER_NAME = /^[\w$@:[\]-]{1,64}$/;
const INDEX = /\[\d*\]/g;
const LIST_NAME = /\[\d*\]$/;

/**
 * One walk, its bounds and its place. It is its own cursor, so that a text costs no object; what changes is changed by
 * the functions of this folder alone.
 */
export interface Walk extends Cursor {
  part: Part;
  isName: boolean;
  isBinary: boolean;
  isDocument: boolean;
  readonly visit: Visit;
  /** The place below `part`: names of members, indexes of lists; only the first `depth` count. */
  readonly steps: (string | number)[];
  depth: number;
  /** Names of the parameters so far, where the first step is a parameter: says the how manieth of its name it is. */
  parameters: string[] | undefined;
  counted: { readonly times: Map<string, number>; upTo: number } | undefined;
  /** Inside a text that was read as JSON already: read so once only. */
  isNested: boolean;
  /** Texts beyond the most that are visited each, until they make a window. */
  late: Late | undefined;
  leavesLeft: number;
  charactersLeft: number;
  seenNames: Set<string> | undefined;
  readonly oddities: Oddity[];
}

/** Late texts of each field, and where they began; `told` is the one that is being visited. */
interface Late {
  readonly fields: Map<string, LateTexts>;
  told: LateTexts | undefined;
}

interface LateTexts {
  readonly isName: boolean;
  readonly isBinary: boolean;
  readonly isDocument: boolean;
  readonly field: string;
  readonly listed: string;
  at: string;
  text: string;
}

export function startWalk(visit: Visit, part: Part): Walk {
  return {
    part,
    isName: false,
    isBinary: false,
    isDocument: false,
    visit,
    steps: [],
    depth: 0,
    parameters: undefined,
    counted: undefined,
    isNested: false,
    late: undefined,
    leavesLeft: MAX_LEAVES,
    charactersLeft: MAX_CHARACTERS,
    seenNames: undefined,
    oddities: [],
    at,
    field,
    listed,
  };
}

/** Begins another part of the request. @param parameters its first step is the name of a parameter */
export function enterPart(walk: Walk, part: Part, parameters: string[] | undefined): void {
  endLate(walk);
  walk.part = part;
  walk.depth = 0;
  walk.parameters = parameters;
  walk.counted = undefined;
}

/** Visits a value. An empty one is no attack. */
export function visitText(walk: Walk, text: string): void {
  walk.isName = false;
  visitOne(walk, text);
}

/** Visits a name; in a long walk the names of a thousand equal objects once. */
export function visitName(walk: Walk, name: string): void {
  if (walk.leavesLeft < MAX_LEAVES - NAMES_REPEATED) {
    walk.seenNames ??= new Set();
    if (walk.seenNames.has(name)) return;
    walk.seenNames.add(name);
  }
  walk.isName = true;
  visitOne(walk, name);
}

function visitOne(walk: Walk, text: string): void {
  if (text.length > walk.charactersLeft) {
    addOddity(walk, 'cut');
    text = text.slice(0, walk.charactersLeft);
  }
  if (text === '') return;
  walk.charactersLeft -= text.length;
  if (walk.leavesLeft > 0 || isVisitedLate(walk, text)) {
    walk.leavesLeft--;
    walk.visit(text, walk);
  } else joinLate(walk, text);
}

function isVisitedLate(walk: Walk, text: string): boolean {
  addOddity(walk, 'too-many');
  return walk.leavesLeft > -MAX_LATE_LEAVES && !WORD.test(text);
}

/** Puts a text into the window of its field, so that nothing walks past by standing late and no walk is endless. */
function joinLate(walk: Walk, text: string): void {
  walk.late ??= { fields: new Map(), told: undefined };
  const { isName, isBinary, isDocument } = walk;
  let [field, listed] = [walk.field(), walk.listed()];
  const keyOf = (): string => `${isName ? 'n' : 'v'}${isBinary ? 'b' : isDocument ? 'd' : 't'}${listed}`;
  let texts = walk.late.fields.get(keyOf());
  if (texts === undefined && walk.late.fields.size >= MAX_LATE_FIELDS) {
    field = `${walk.part}[…]`;
    listed = field;
    texts = walk.late.fields.get(keyOf());
  }
  if (texts === undefined) {
    texts = { isName, isBinary, isDocument, field, listed, at: '', text: '' };
    walk.late.fields.set(keyOf(), texts);
  }
  if (texts.text.length + text.length > LATE_WINDOW) tellLate(walk, walk.late, texts);
  if (texts.text === '') texts.at = field.endsWith('…]') ? field : walk.at();
  texts.text += texts.text === '' ? text : PATH_BEGIN.test(text) ? ` ,${text}` : ` , ${text}`;
}

function tellLate(walk: Walk, late: Late, texts: LateTexts): void {
  if (texts.text === '') return;
  const { isName, isBinary, isDocument } = walk;
  late.told = texts;
  walk.isName = texts.isName;
  walk.isBinary = texts.isBinary;
  walk.isDocument = texts.isDocument;
  walk.visit(texts.text, walk);
  texts.text = '';
  late.told = undefined;
  walk.isName = isName;
  walk.isBinary = isBinary;
  walk.isDocument = isDocument;
}

function endLate(walk: Walk): void {
  const { late } = walk;
  if (late === undefined) return;
  for (const texts of late.fields.values()) tellLate(walk, late, texts);
  late.fields.clear();
}

/** Ends a walk: what stood late is visited. @returns what could not be looked at */
export function endWalk(walk: Walk): readonly Oddity[] {
  endLate(walk);
  return walk.oddities;
}

/** Notes what could not be looked at, the first of each kind: a hostile body could hold a hundred thousand. */
export function addOddity(walk: Walk, code: Oddity['code'], kind?: Oddity['kind']): void {
  if (walk.oddities.some((one) => one.code === code && one.kind === kind)) return;
  const at = walk.at();
  walk.oddities.push(kind === undefined ? { code, at } : { code, at, kind });
}

function at(this: Walk): string {
  return this.late?.told?.at ?? placeOf(this, true);
}

function field(this: Walk): string {
  return this.late?.told?.field ?? placeOf(this, false).toLowerCase();
}

function listed(this: Walk): string {
  if (this.late?.told !== undefined) return this.late.told.listed;
  const last = this.depth === 0 ? undefined : this.steps[this.depth - 1];
  const isOfForm = this.depth === 1 && this.parameters !== undefined;
  const isOfList = typeof last === 'number' ? this.part !== 'path' : isOfForm && LIST_NAME.test(last ?? '');
  return isOfList ? `${this.field()}[]` : this.field();
}

function placeOf(walk: Walk, withIndexes: boolean): string {
  let place: string = walk.part;
  for (let level = 0; level < walk.depth && place.length <= MAX_PLACE; level++) {
    const step = walk.steps[level] ?? '';
    if (typeof step === 'string') place += nameOf(step, level === 0 && walk.parameters !== undefined, withIndexes);
    else if (withIndexes) place += `[${step}]`;
    if (level === 0 && withIndexes) place += timesOf(walk);
  }
  return place.length > MAX_PLACE ? `${place.slice(0, MAX_PLACE)}…` : place;
}

/** A name that could be taken for a place (`a.b` for `b` in `a`) is quoted: it must not come under another's exception. */
function nameOf(name: string, isParameter: boolean, withIndexes: boolean): string {
  if (PLAIN_NAME.test(name)) return `.${name}`;
  if (isParameter && PARAMETER_NAME.test(name)) return `.${withIndexes ? name : name.replace(INDEX, '')}`;
  return `[${JSON.stringify(name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name)}]`;
}

/** `[1]` for the second parameter of its name. Counted when asked, each name once, however often it is asked. */
function timesOf(walk: Walk): string {
  const names = walk.parameters;
  if (names === undefined || names.length < 2) return '';
  walk.counted ??= { times: new Map(), upTo: 0 };
  const { times } = walk.counted;
  for (; walk.counted.upTo < names.length; walk.counted.upTo++) {
    const name = names[walk.counted.upTo] ?? '';
    times.set(name, (times.get(name) ?? 0) + 1);
  }
  const before = (times.get(names[names.length - 1] ?? '') ?? 1) - 1;
  return before === 0 ? '' : `[${before}]`;
}
