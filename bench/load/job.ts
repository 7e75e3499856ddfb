import { z } from 'zod';

/** What the load process is told. It crosses a process boundary, so it is parsed on arrival like any input. */
export const loadJob = z.strictObject({
  /** The file of `wrk` where that one does it, which looks at the status alone; otherwise this process does. */
  wrk: z.string().optional(),
  port: z.int(),
  /** The processes whose CPU time is taken: the server's first, then its helpers'. */
  pids: z.array(z.int()).min(1),
  connections: z.int().min(1),
  /** How many requests are due a second, whether those before were answered or not; otherwise each connection waits. */
  rate: z.number().positive().optional(),
  method: z.enum(['GET', 'POST']),
  path: z.string(),
  headers: z.record(z.string(), z.string()),
  /**
   * `reading`: one, a new one each time. `ndjson` and `json`: many in one body. `fields`: the same texts each time.
   * `texts`: one after the other, again and again. `refresh`: the token of a seeded session, another each time.
   */
  body: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('reading') }),
    z.strictObject({ kind: z.enum(['ndjson', 'json', 'fields']), lines: z.int().min(1) }),
    z.strictObject({ kind: z.literal('texts'), texts: z.array(z.string()).min(1) }),
    z.strictObject({
      kind: z.literal('refresh'),
      seed: z.string(),
      first: z.int(),
      count: z.int().min(1),
      /** How many of them were used up before. */
      used: z.int().min(0),
    }),
  ]),
  /** The one status that is right; anything else ends the job. */
  status: z.int(),
  /** What a right answer contains; empty where the status says enough. */
  says: z.string(),
  warmup: z.strictObject({ ms: z.number(), requests: z.int() }),
  /** Ends after this time or this many requests, whichever comes first. */
  measure: z.strictObject({ ms: z.number(), requests: z.int() }),
  seed: z.int(),
  /** Where the probe in the server tells how late its event loop is. */
  loopFile: z.string().optional(),
});

export type LoadJob = z.output<typeof loadJob>;

export const loadResult = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('measured'),
    requests: z.number(),
    seconds: z.number(),
    p50Ms: z.number(),
    p99Ms: z.number(),
    /** Milliseconds of CPU in the order of `pids`; null where it can't be known. */
    cpuMs: z.array(z.number().nullable()),
    /** What making the load has cost. */
    generatorCpuMs: z.number(),
    loop: z.object({ p99Ms: z.number(), maxMs: z.number() }).optional(),
    /** How many requests were sent in all, those to warm up too. */
    sent: z.int(),
  }),
  z.strictObject({ kind: z.literal('failed'), reason: z.string() }),
]);

export type LoadResult = z.output<typeof loadResult>;
