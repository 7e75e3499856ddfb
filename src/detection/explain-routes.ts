import { z } from 'zod';
import { defineRoute, ok, type Route } from '../http/index.ts';
import type { Detection } from './detection.ts';

const rule = z.strictObject({
  id: z.string(),
  class: z.string(),
  title: z.string(),
  view: z.string().describe('The reading of a text in which it looks.'),
  weight: z.number(),
  in_island: z.number().describe('Its weight in a run of odd tokens inside of running text.'),
  in_text: z.number().describe('Its weight in running text as a whole.'),
  channels: z.array(z.string()).nullable().describe('Where it counts; null: everywhere but in user agents.'),
  hits: z.int().describe('How often it found something since this process began.'),
});

/** Rules are the same for everybody, so no person of a tenant changes or sees what they hit. */
export function ruleRoutes(detection: Pick<Detection, 'rules'>): readonly Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/detection/rules',
      summary: 'The rules by which attacks are told, with weights, and how often each found something.',
      access: { kind: 'permission', permission: 'platform:blocks' },
      records: 'read',
      replies: { 200: z.strictObject({ items: z.array(rule) }) },
      faults: [],
      handle: async () => {
        const items = detection.rules().map(viewOf);
        return ok({ items }, { records: items.length });
      },
    }),
  ];
}

function viewOf({
  id,
  class: kind,
  title,
  view,
  weight,
  inIsland,
  inText,
  channels,
  hits,
}: ReturnType<Detection['rules']>[number]) {
  const weights = { weight, in_island: inIsland ?? weight, in_text: inText ?? 0 };
  return { id, class: kind, title, view, ...weights, channels: channels === undefined ? null : [...channels], hits };
}
