import { visitValue } from './json.ts';
import { decodePercent, decodePercentLatin1 } from './percent.ts';
import { visitName, visitText, type Walk } from './walk.ts';

/**
 * Visits the names and values of a query or form as an application sees them: decoded once, `+` as a space. A part
 * without `=` is a value. Where a `;` stands both readings are visited: some servers part there, others do not.
 *
 * @param text of which each first step is the name of a parameter: `walk.parameters` collects them
 */
export function walkPairs(walk: Walk, text: string): void {
  const base = walk.depth;
  for (let from = 0; from < text.length; ) {
    const found = text.indexOf('&', from);
    const end = found === -1 ? text.length : found;
    if (end > from) walkPair(walk, text.slice(from, end), base);
    from = end + 1;
  }
  walk.depth = base;
}

function walkPair(walk: Walk, pair: string, base: number): void {
  visitPair(walk, pair, base);
  if (!pair.includes(';')) return;
  for (let from = 0; from < pair.length; ) {
    const found = pair.indexOf(';', from);
    const end = found === -1 ? pair.length : found;
    if (end > from) visitPair(walk, pair.slice(from, end), base);
    from = end + 1;
  }
}

function visitPair(walk: Walk, pair: string, base: number): void {
  const equals = pair.indexOf('=');
  walk.depth = base;
  if (equals > 0) {
    const name = decodePercent(pair.slice(0, equals), true);
    walk.steps[base] = name;
    walk.depth = base + 1;
    if (base === 0) walk.parameters?.push(name);
    visitName(walk, name);
  }
  visitDecoded(walk, pair.slice(equals + 1), true);
}

/** Visits a text decoded once, and once more where a server that reads Latin-1 sees another one. */
export function visitDecoded(walk: Walk, raw: string, plusIsSpace: boolean): void {
  const text = decodePercent(raw, plusIsSpace);
  visitValue(walk, text);
  if (!text.includes('%')) return;
  const latin1 = decodePercentLatin1(raw, plusIsSpace);
  if (latin1 !== text) visitText(walk, latin1);
}
