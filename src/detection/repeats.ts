import type { Channel } from './judge/index.ts';
import type { Cursor } from './walk/index.ts';

/** Values of one name as some servers hand them on: `?id=a&id=b` and `["a","b"]` become `a,b` where a text is due. */
export interface Repeats {
  /** Takes note of one that may be a piece. */
  add(text: string, channel: Channel, cursor: Cursor): void;
  /** What stands in several pieces, joined. */
  joined(): readonly Joined[];
}

export interface Joined {
  readonly text: string;
  readonly channel: Channel;
  readonly at: string;
  readonly field: string;
}

/** A word, number, date or name is piece of nothing; that costs a usual value no more than this. */
const PLAIN = /^[\w.:+-]*$/;
/** Pieces of so many characters are kept in all; each is judged by itself besides. */
const MAX_CHARACTERS = 65_536;
/** Joined further than this nothing is: then the next ones begin anew, behind the last two. */
const WINDOW = 3_500;

type Pieces = Omit<Joined, 'text'> & { last: string; texts: string[]; length: number };

/** Whether a value could be a piece of something: what most are not. */
export const mayBePiece = (text: string, { part, isName, isBinary, isDocument }: Cursor): boolean =>
  (part === 'query' || part === 'body') &&
  !(isName || isBinary || isDocument) &&
  text.length <= WINDOW &&
  !PLAIN.test(text);

export function createRepeats(): Repeats {
  let fields: Map<string, Pieces> | undefined;
  let left = MAX_CHARACTERS;
  const full: Joined[] = [];

  function keep(text: string, pieces: Pieces): void {
    if (pieces.length + text.length > WINDOW && pieces.texts.length > 1) {
      full.push(joinedOf(pieces));
      pieces.texts = pieces.texts.slice(-2);
      pieces.length = pieces.texts.join().length;
    }
    pieces.texts.push(text);
    pieces.length += text.length + 1;
  }

  return {
    add: (text, channel, cursor) => {
      if (text.length > left) return;
      const [at, field] = [cursor.at(), cursor.field()];
      fields ??= new Map();
      const pieces = fields.get(field);
      // What is read in two ways stands at one place; members of the objects of a list are no repeats.
      if (pieces === undefined) {
        if (!MEMBER.test(at)) fields.set(field, { at, field, channel, last: at, texts: [text], length: text.length });
      } else if (pieces.last !== at && !MEMBER.test(at)) {
        pieces.last = at;
        keep(text, pieces);
      } else return;
      left -= text.length;
    },
    joined: () => {
      if (fields === undefined) return NOTHING;
      const several = [...fields.values()].filter(({ texts }) => texts.length > 1);
      return [...full, ...several.map(joinedOf)];
    },
  };
}

const NOTHING: readonly Joined[] = [];
/** A name behind an index. */
const MEMBER = /\]\.[^[\]]+$/;
const joinedOf = ({ at, field, channel, texts }: Pieces): Joined => ({ at, field, channel, text: texts.join(',') });
