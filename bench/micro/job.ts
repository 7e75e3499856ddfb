import { z } from 'zod';

/** What a micro process is told, and what it answers. */
export const microJob = z.strictObject({ name: z.string(), warmupMs: z.number(), measureMs: z.number() });

export const microResult = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('measured'),
    perSecond: z.number(),
    p50Us: z.number(),
    p99Us: z.number(),
    cpuUs: z.number(),
  }),
  z.strictObject({ kind: z.literal('failed'), reason: z.string() }),
]);

export type MicroResult = z.output<typeof microResult>;
