import type { Exception, PresetName } from './inspection-config.ts';

/** Where well-known clients write queries or templates of their own, and which rules those look like. */
const PLACES: Readonly<Record<PresetName, { readonly fields: readonly string[]; readonly rules: readonly string[] }>> =
  {
    grafana: {
      fields: [
        'body.queries.rawsql',
        'body.queries.query',
        'body.queries.expr',
        'body.rawsql',
        'body.dashboard.*',
        'query.q',
      ],
      rules: ['sqli-*'],
    },
    'home-assistant': {
      fields: [
        'body.template',
        'body.value_template',
        'body.payload',
        'body.state_template',
        'body.availability_template',
      ],
      rules: ['ssti-expression', 'ssti-path', 'ssti-plain-statement'],
    },
    sparql: {
      fields: ['query.query', 'body.query', 'body'],
      rules: ['sqli-*'],
    },
  };

/** The exceptions that these names stand for. */
export function presetExceptions(names: readonly PresetName[]): readonly Exception[] {
  return names.flatMap((name) => {
    const { fields, rules } = PLACES[name];
    const because = `the preset ${name}: its clients write queries or templates here`;
    return fields.flatMap((field) => rules.map((rule) => ({ field, rule, because })));
  });
}

/** The presets that make these exceptions needless. */
export function presetsFor(exceptions: readonly Exception[]): readonly PresetName[] {
  if (exceptions.length === 0) return [];
  const names: readonly PresetName[] = ['grafana', 'home-assistant', 'sparql'];
  return names.filter((name) => {
    const { fields, rules } = PLACES[name];
    return exceptions.every(({ field = '', rule = '' }) => fits(fields, field) && fits(rules, rule));
  });
}

const fits = (patterns: readonly string[], text: string): boolean =>
  patterns.some((one) => (one.endsWith('*') ? text.startsWith(one.slice(0, -1)) : one === text));
