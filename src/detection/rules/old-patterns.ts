import type { Channel, Rule } from '../judge/types.ts';

/** Where the old system looked, and values: of a body it saw nothing. */
const LOOKED_AT: readonly Channel[] = ['value', 'path', 'name', 'header', 'user-agent'];

/**
 * What two of the four patterns of E14 refused and no other rule does by itself: honest pages of other systems write both.
 * Ranges (`a..b`), dots at the end of a sentence and what is opened and never closed are none of it (D05).
 */
export const OLD_PATTERNS: readonly Rule[] = [
  {
    id: 'traversal-any-step',
    class: 'traversal',
    title: 'a single step up, anywhere',
    view: 'path',
    match: { regex: String.raw`(?:^|[/\\=:;,|&?"'()<>\[\]{}\s])\.\.[/\\]|(?:^|[/\\=])\.\.$` },
    weight: 5,
    inText: 5,
    channels: LOOKED_AT,
  },
  {
    id: 'ssti-any-placeholder',
    class: 'ssti',
    title: 'a placeholder, whatever stands in it',
    view: 'decoded',
    match: { regex: String.raw`\$\{[^}]*\}` },
    weight: 5,
    inText: 5,
    channels: LOOKED_AT,
  },
];
