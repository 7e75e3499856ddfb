import { atLeast, type Bar, type Probe, valueProbe } from '../probe.ts';
import { databases } from './databases.ts';
import { documents } from './documents.ts';
import { machines } from './machines.ts';
import { pages } from './pages.ts';
import { uploadAttacks } from './uploads.ts';

/** Attacks of one class that we wrote ourselves, and how many of them must be seen. */
export interface OwnAttacks {
  readonly name: string;
  readonly bar: Bar;
  /** Wrapped in sentences; absent where such a text is harmless to its readers. */
  readonly wrappedBar?: Bar | undefined;
  readonly probes: readonly Probe[];
}

/** The bars of the shared kinds, for those too; the others as much as is reached with room to spare. */
const BARS: Readonly<Record<string, readonly [plain: Bar, wrapped: Bar | undefined]>> = {
  sqli: [atLeast(98.5), atLeast(90)],
  xss: [atLeast(98.5), atLeast(90)],
  traversal: [atLeast(96), atLeast(85)],
  rce: [atLeast(94), atLeast(90)],
  ssti: [atLeast(96), atLeast(90)],
  xxe: [atLeast(96), atLeast(90)],
  nosql: [atLeast(95), atLeast(90)],
  log4shell: [atLeast(98), atLeast(95)],
};
const OTHERS = [atLeast(90), undefined] as const;

export const ownAttacks = (): readonly OwnAttacks[] => [
  ...Object.entries({ ...databases, ...pages, ...machines, ...documents }).map(([name, texts]) => {
    const [bar, wrappedBar] = BARS[name] ?? OTHERS;
    return { name, bar, wrappedBar, probes: texts.map((text, i) => valueProbe(`${name}-own-${i}`, 'own', text)) };
  }),
  { name: 'uploads', bar: atLeast(100), probes: uploadAttacks },
];
