import { z } from 'zod';
import { fieldName } from './field-name.ts';

const FIELD = /^(?:(?:path|query|header|cookie|body)(?:[.[].*)?\*?|head\*?|the rest|\*)$/s;
const BECAUSE = 'say in `because` why it may be, in 8 to 512 characters';

/** `GET /v1/x`, `/api/*`; `query.q`, `body.items.*`; `sqli-*`. */
const pattern = (sentence: string) => z.string().min(1).max(256).describe(sentence);

const exception = z
  .strictObject({
    route: pattern(
      'A path as the route has it, `*` at its end for all below, perhaps with its method before it.',
    ).optional(),
    field: pattern('A place as a verdict names it, indexes and case apart: `query.q`, `body.notes.*`.')
      .overwrite(fieldName)
      .regex(FIELD, 'must begin with path, query, header, cookie or body')
      .optional(),
    rule: pattern('The id of a rule, or of a class with `-*`: `sqli-*`.').optional(),
    because: z
      .string({ error: BECAUSE })
      .min(8, BECAUSE)
      .max(512, BECAUSE)
      .describe('Why it may be; shown with every verdict that it changes.'),
  })
  .refine(({ route, field, rule }) => route !== undefined || field !== undefined || rule !== undefined, {
    error: 'must name a route, a field or a rule',
  });

/** What an operator may choose about attacks inside of requests. */
export const inspectionConfig = z.strictObject({
  mode: z
    .enum(['off', 'shadow', 'block'])
    .default('block')
    .describe('For our own routes; each route of the gateway says its own. `shadow` sees and tells, `block` refuses.'),
  threshold: z
    .int()
    .min(3)
    .max(50)
    .default(5)
    .describe('Weights of rules that add up to this much are an attack; more lets more pass.'),
  model: z
    .boolean()
    .default(false)
    .describe(
      'Whether the linear model is asked about what the rules leave undecided: 13 us a text, and little gained.',
    ),
  rulesFile: z
    .string()
    .min(1)
    .max(4_096)
    .optional()
    .describe('A JSON file of rules that are added, changed or turned off; try it with `twinkeep detect replay`.'),
  exceptions: z.array(exception).max(1_000).default([]).describe('Where rules do not count.'),
  oldPatterns: z
    .array(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be the name of a profile'))
    .max(10)
    .default(['ems'])
    .describe(
      'Profiles in which a single step upwards and any placeholder are attacks too, as the old EMS agent had it; none with `[]`.',
    ),
  presets: z
    .array(z.enum(['grafana', 'home-assistant', 'sparql']))
    .max(3)
    .default([])
    .describe('Exceptions that come with Twinkeep, for clients that write queries or templates of their own.'),
});

export type InspectionConfig = z.output<typeof inspectionConfig>;
export type Exception = InspectionConfig['exceptions'][number];
export type PresetName = InspectionConfig['presets'][number];
