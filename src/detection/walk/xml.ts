import { visitText, type Walk } from './walk.ts';
import { type Entities, entitiesOf, resolveEntities } from './xml-entities.ts';

const NAME = /[^\s/>]{1,64}/y;
const ATTRIBUTE = /(?<![^\s"'/])([^\s=<>"'/]{1,64})\s{0,16}=\s{0,16}(?:"([^"<]*)"|'([^'<]*)')/g;

/** The text since the last tag: as it was sent, and as a parser hands it over. */
interface Joined {
  raw: string;
  resolved: string;
}

/**
 * Visits attribute values and the texts of an XML text: what stands between two tags as parsers join it, over comments,
 * CDATA and processing instructions, with its entities as they are and resolved. The whole text is visited by whoever
 * calls: declarations, comments and what is not well formed are seen there.
 */
export function walkXml(walk: Walk, text: string): void {
  const base = walk.depth;
  if (!text.includes('<')) return;
  const entities = entitiesOf(text);
  const joined: Joined = { raw: '', resolved: '' };
  for (let from = 0; from < text.length; ) {
    const found = text.indexOf('<', from);
    const tag = found === -1 ? text.length : found;
    add(joined, text.slice(from, tag), entities);
    from = tag === text.length ? tag : walkMarkup(walk, { text, tag, base, joined, entities });
  }
  visitJoined(walk, joined);
  walk.depth = base;
}

function add(joined: Joined, text: string, entities: Entities | undefined): void {
  joined.raw += text;
  joined.resolved += entities === undefined ? text : resolveEntities(text, entities);
}

function visitJoined(walk: Walk, joined: Joined): void {
  const resolved = joined.resolved.trim();
  const raw = joined.raw.trim();
  if (raw !== '') visitText(walk, raw);
  if (resolved !== raw && resolved !== '') visitText(walk, resolved);
  joined.raw = '';
  joined.resolved = '';
}

interface Markup {
  readonly text: string;
  readonly tag: number;
  readonly base: number;
  readonly joined: Joined;
  readonly entities: Entities | undefined;
}

/** @returns where the markup that begins at `tag` ends */
function walkMarkup(walk: Walk, { text, tag, base, joined, entities }: Markup): number {
  if (text.startsWith('<!--', tag)) return endOf(text, '-->', tag + 4);
  if (text.startsWith('<?', tag)) return endOf(text, '?>', tag + 2);
  if (text.startsWith('<![CDATA[', tag)) {
    const end = endOf(text, ']]>', tag + 9);
    add(joined, text.slice(tag + 9, text.startsWith(']]>', end - 3) ? end - 3 : end), undefined);
    return end;
  }
  visitJoined(walk, joined);
  const end = endOf(text, '>', tag + 1);
  NAME.lastIndex = tag + 1;
  const name = NAME.exec(text)?.[0];
  if (name === undefined) return end;
  walk.steps[base] = name;
  walk.depth = base + 1;
  const rest = text.slice(tag + 1 + name.length, end);
  for (const [, attribute, double, single] of rest.includes('=') ? rest.matchAll(ATTRIBUTE) : []) {
    walk.steps[base + 1] = `@${attribute}`;
    walk.depth = base + 2;
    const raw = double ?? single ?? '';
    visitText(walk, raw);
    const resolved = entities === undefined ? raw : resolveEntities(raw, entities);
    if (resolved !== raw) visitText(walk, resolved);
  }
  walk.depth = base + 1;
  return end;
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found + mark.length;
}
