import { z } from 'zod';

/** What the process is told that holds the sockets, and what it answers. */
export const revocationJob = z.strictObject({
  /** The processes; sessions are ended at the first. */
  ports: z.array(z.int()).min(1),
  /** `Authorization` of the sessions that are to end. */
  sessions: z.array(z.string()).min(1),
  sockets: z.int().min(1),
  path: z.string(),
});

export type RevocationJob = z.output<typeof revocationJob>;

const times = z.array(z.number());

export const revocationResult = z.discriminatedUnion('kind', [
  /** Milliseconds from sending a logout. */
  z.strictObject({ kind: z.literal('measured'), refused: times, closed: times }),
  z.strictObject({ kind: z.literal('failed'), reason: z.string() }),
]);

export type RevocationResult = z.output<typeof revocationResult>;
