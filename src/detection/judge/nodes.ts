/** One step of an expression: to where it goes on. What goes on in two ways takes one of them without reading. */
export type Node =
  | { readonly kind: 'read'; readonly set: Uint8Array; next: number }
  | { readonly kind: 'both'; next: number; other: number }
  | { readonly kind: 'assert'; readonly what: Assertion; next: number }
  | { readonly kind: 'end' };

export type Assertion = 'start' | 'finish' | 'edge' | 'no-edge';

/** ASCII, and one for every character beyond it. */
export const ALPHABET = 129;
export const BEYOND = 128;

const MOST_NODES = 200_000;

/** A part of an expression: where it begins, and the open ends behind it. */
interface Part {
  readonly start: number;
  readonly ends: readonly ((to: number) => void)[];
}

/** Makes a part anew at each call, so that what is repeated can be copied. */
export type Build = () => Part;

const openEnd =
  (node: { next: number }) =>
  (to: number): void => {
    node.next = to;
  };

/** Parts of expressions, put into `nodes`. @see Thompson (1968): Regular Expression Search Algorithm */
export function createParts(nodes: Node[]) {
  const add = (node: Node): number => {
    if (nodes.length >= MOST_NODES) throw new TypeError('an expression that is too large');
    return nodes.push(node) - 1;
  };
  const read =
    (set: Uint8Array): Build =>
    () => {
      const node: Node = { kind: 'read', set, next: -1 };
      return { start: add(node), ends: [openEnd(node)] };
    };
  const assert =
    (what: Assertion): Build =>
    () => {
      const node: Node = { kind: 'assert', what, next: -1 };
      return { start: add(node), ends: [openEnd(node)] };
    };
  const nothing: Build = () => {
    const node: Node = { kind: 'both', next: -1, other: -1 };
    return { start: add(node), ends: [openEnd(node)] };
  };
  const loop = (build: Build): Part => {
    const node: Node = { kind: 'both', next: -1, other: -1 };
    const start = add(node);
    const inner = build();
    node.other = inner.start;
    for (const connect of inner.ends) connect(start);
    return { start, ends: [openEnd(node)] };
  };
  const inTurn = (builds: readonly Build[]): Part => {
    const [first = nothing(), ...rest] = builds.map((build) => build());
    let { ends } = first;
    for (const part of rest) {
      for (const connect of ends) connect(part.start);
      ends = part.ends;
    }
    return { start: first.start, ends };
  };
  const anyOf = (builds: readonly Build[]): Part => {
    const parts = builds.map((build) => build());
    const start = parts.reduceRight(
      (other, part) => (other === -1 ? part.start : add({ kind: 'both', next: part.start, other })),
      -1,
    );
    return { start, ends: parts.flatMap(({ ends }) => ends) };
  };
  return { read, assert, nothing, loop, inTurn, anyOf };
}

export const isWordCode = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
