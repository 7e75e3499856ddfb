import appsec from '@datadog/native-appsec';
import type { Rule, ViewName } from './types.ts';
import { VIEWS, type Views } from './views.ts';

/** What libddwaf saw: which rule, in which reading, and the text that matched. */
export interface Match {
  readonly rule: Rule;
  readonly view: ViewName;
  readonly evidence: string;
}

/** Some rules over one text at once. */
export interface Engine {
  /** @param views of a text of at most 4,096 bytes: libddwaf cuts what is longer without a word */
  match(views: Views): readonly Match[];
  dispose(): void;
}

/**
 * Microseconds of one look. By the clock on the wall, and so far from what any look takes: a busy machine must block
 * nobody. What bounds the work is the length of what is handed in.
 */
const PATIENCE_US = 600_000_000;
const MAX_EVIDENCE = 120;

/**
 * Compiles rules for libddwaf.
 *
 * @throws TypeError naming the rules that it does not take
 */
export function createEngine(rules: readonly Rule[]): Engine {
  const byId = new Map(rules.map((rule) => [rule.id, { rule, unless: unlessOf(rule) }]));
  if (byId.size < rules.length) throw new TypeError('two rules have the same id');
  const waf = opened(rules);
  const addresses = [...new Set(rules.flatMap(addressesOf))];
  return {
    match: (views) => {
      const context = waf.createContext(); // not disposed it would leak 9 KB
      try {
        const { events = [] } = context.run({ ephemeral: inputOf(addresses, views) }, PATIENCE_US);
        return events.flatMap((event) => matchOf(event, byId));
      } finally {
        context.dispose();
      }
    },
    dispose: () => waf.dispose(),
  };
}

/** @throws TypeError */
function opened(rules: readonly Rule[]): InstanceType<typeof appsec.DDWAF> {
  const compiledRules = rules.flatMap(compiled);
  let waf: InstanceType<typeof appsec.DDWAF>;
  try {
    waf = new appsec.DDWAF(
      { version: '2.2', metadata: { rules_version: '1' }, rules: compiledRules },
      'twinkeep/rules',
    );
  } catch (error) {
    throw new TypeError(`libddwaf takes none of these rules: ${rules.map(({ id }) => id).join()}`, { cause: error });
  }
  assertLoaded(waf.diagnostics.rules);
  return waf;
}

type Address = ViewName | 'numeric';

/** Where a rule looks. */
function addressesOf({ match, view }: Rule): readonly Address[] {
  if ('is' in match && match.is === 'sqli') return ['decoded', 'sql'];
  if ('is' in match && match.is === 'sqli-numeric') return ['numeric'];
  return view === 'raw' ? ['raw', 'decoded'] : [view];
}

/** Decoding may make a text longer, which libddwaf would cut: what is behind comes in the next window. */
const MAX_TEXT = 4_096;

function inputOf(addresses: readonly Address[], views: Views): Readonly<Record<string, string>> {
  const input: Record<string, string> = {};
  for (const address of addresses) {
    const text = textAt(address, views);
    if (address !== 'raw' || text !== views.decoded) input[`tk.${address}`] = text.slice(0, MAX_TEXT);
  }
  return input;
}

/** Numbers stand where a query has no quotes, so libinjection looks at a value once more behind one. */
const textAt = (address: Address, views: Views): string =>
  address === 'numeric' ? `1 ${views.of('sql')}` : views.of(address);

const inputsOf = (addresses: readonly Address[]) => addresses.map((name) => ({ address: `tk.${name}` }));

/** One event comes per `tags.type`: each rule has its own, or scores would be lost. */
function compiled(rule: Rule): readonly object[] {
  const { id, title, match } = rule;
  const inputs = inputsOf(addressesOf(rule));
  const shared = { id, name: title, tags: { type: id, category: 'attack' }, transformers: [] };
  if ('regex' in match) {
    const options = { case_sensitive: match.caseSensitive ?? false, min_length: 1 };
    return [{ ...shared, conditions: [condition('match_regex', { inputs, regex: match.regex, options })] }];
  }
  if ('phrases' in match) {
    const parameters = { inputs, list: match.phrases.map((phrase) => phrase.toLowerCase()) };
    return [{ ...shared, conditions: [condition('phrase_match', parameters)], transformers: ['lowercase'] }];
  }
  if (match.is === 'xss') return [{ ...shared, conditions: [condition('is_xss', { inputs })] }];
  // Each event names one match alone, and the plain reading may have an honest fingerprint where the other has not.
  return addressesOf(rule).map((name) => {
    const key = `${id} ${name}`;
    const parameters = { inputs: inputsOf([name]) };
    return {
      ...shared,
      id: key,
      tags: { type: key, category: 'attack' },
      conditions: [condition('is_sqli', parameters)],
    };
  });
}

const condition = (operator: string, parameters: object) => ({ operator, parameters });

/** @throws TypeError */
function assertLoaded(diagnostics: object | undefined): void {
  const { failed, errors, error } = Object(diagnostics);
  if (error === undefined && Array.isArray(failed) && failed.length === 0) return;
  throw new TypeError(`libddwaf does not take these rules: ${JSON.stringify(error ?? errors)}`);
}

interface Known {
  readonly rule: Rule;
  readonly unless: RegExp | undefined;
}

const unlessOf = ({ match }: Rule): RegExp | undefined =>
  'is' in match && match.unless !== undefined ? new RegExp(match.unless) : undefined;

/** Events are libddwaf's own; what does not look as it documents is skipped nowhere, it throws. @see libddwaf schema/events.json */
function matchOf(event: object, byId: ReadonlyMap<string, Known>): readonly Match[] {
  const { rule: named, rule_matches: found } = Object(event);
  const [id = ''] = String(named.id).split(' ');
  const known = byId.get(id);
  if (known === undefined) throw new TypeError(`libddwaf names a rule ${id} that there is not`);
  const [{ address, highlight, value }] = found[0].parameters;
  const seen = String(highlight?.[0] ?? '');
  const { rule, unless } = known;
  if (unless?.test(seen) === true) return [];
  // libinjection names a fingerprint, which says nothing to a reader without the text that has it.
  const evidence = 'is' in rule.match ? `${seen === '' ? '' : `${seen} in `}${String(value)}` : seen;
  const view = VIEWS.find((name) => address === `tk.${name}`) ?? 'sql';
  return [{ rule, view, evidence: evidence.slice(0, MAX_EVIDENCE) }];
}
