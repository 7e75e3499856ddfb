/** Which part of a request a text stands in. */
export type Part = 'path' | 'query' | 'header' | 'cookie' | 'body';

/** Where the walk is. One object serves a whole walk, so it is valid only during the call of `visit`. */
export interface Cursor {
  readonly part: Part;
  /** The text is the name of a parameter, a cookie or a member rather than a value. */
  readonly isName: boolean;
  /** The text is a run out of binary content, an uploaded image or program: most signs of attacks are chance there. */
  readonly isBinary: boolean;
  /** The text is an uploaded document, which may hold scripts, queries and commands as its content. */
  readonly isDocument: boolean;
  /** `query.q`, `query.q[1]` (the second of that name), `header.range`, `body.items[3].name`; at most 257 characters. */
  at(): string;
  /** The same without indexes, in lower case: what an exception of a route names. */
  field(): string;
  /** The same with `[]` where indexes end it: a list is not the one text that a route leaves unseen. */
  listed(): string;
}

/** Called for every text of a request that is not empty. */
export type Visit = (text: string, cursor: Cursor) => void;

/**
 * What the walk could not or would not look at: counts as a hit of class 'evasion'.
 *
 * `cut`: more text than is looked at. `unread`: an encoding of a part that is not undone. `content-encoding`, `charset`:
 * one that is not known. `malformed`: not what it is said to be; its raw text was visited. `too-deep`: nested further
 * than honest data is; it was visited still. `too-many`: the texts from there on were visited several in one.
 */
export interface Oddity {
  readonly code: 'cut' | 'unread' | 'content-encoding' | 'charset' | 'malformed' | 'too-deep' | 'too-many';
  readonly at: string;
  /**
   * Of what honest clients send too, so that it is refused for what it is (415, 413) and makes nobody suspicious:
   * a charset or coding that is not known, and a compressed body that grows past its bound.
   */
  readonly kind?: 'unsupported' | 'too-large' | undefined;
}
