/** What the entities of one XML text stand for, and how much they may still grow to. */
export interface Entities {
  readonly values: ReadonlyMap<string, string>;
  left: number;
}

const DECLARED = /<!ENTITY\s{1,16}([^\s%"'<>&;]{1,64})\s{1,16}(?:"([^"]{0,4096})"|'([^']{0,4096})')/g;
const MOST_DECLARED = 256;
/** Entities within entities; the billion laughs have nine. */
const MAX_ROUNDS = 4;
const MOST_GROWTH = 65_536;
const DECLARED_REFERENCE = /&([^\s&;#]{1,64});/g;
const REFERENCE = /&(?:#(\d{1,7})|#[xX]([0-9A-Fa-f]{1,6})|(lt|gt|amp|quot|apos));/g;
const PREDEFINED: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** @returns what a text declares; undefined where it refers to nothing */
export function entitiesOf(text: string): Entities | undefined {
  if (!text.includes('&')) return undefined;
  const values = new Map<string, string>();
  if (text.includes('<!ENTITY')) {
    for (const [, name = '', double, single] of text.matchAll(DECLARED)) {
      if (values.size >= MOST_DECLARED) break;
      values.set(name, double ?? single ?? '');
    }
  }
  return { values, left: MOST_GROWTH };
}

/** Puts in what entities stand for, as far as the bound of growth goes: what a bomb leaves is looked at as it is. */
export function resolveEntities(text: string, entities: Entities): string {
  let resolved = text;
  for (let round = 0; round < MAX_ROUNDS && entities.values.size > 0 && resolved.includes('&'); round++) {
    resolved = resolved.replace(DECLARED_REFERENCE, (whole, name: string) => {
      const value = entities.values.get(name);
      if (value === undefined || value.length > entities.left) return whole;
      entities.left -= value.length;
      return value;
    });
  }
  return resolved.includes('&') ? resolved.replace(REFERENCE, characterOf) : resolved;
}

function characterOf(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return PREDEFINED.get(name) ?? whole;
  const point = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
  return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
}
