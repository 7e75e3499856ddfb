import { z } from 'zod';
import { minutes, seconds } from '../kernel/clock.ts';

/** How long connections may take for what they do, and how many there may be. */
export const connectionConfig = z.strictObject({
  handshakeMs: z
    .int()
    .min(seconds(1))
    .max(minutes(2))
    .default(seconds(10))
    .describe('A TLS handshake that takes longer is cut.'),
  headMs: z
    .int()
    .min(seconds(1))
    .max(minutes(5))
    .default(seconds(10))
    .describe('The head of a request must be there within this time, of the first one from the moment of connecting.'),
  paceMs: z
    .int()
    .min(seconds(2))
    .max(minutes(5))
    .default(seconds(12))
    .describe(
      'Within each such span a body must bring, and an answer be taken, at `minBytesPerSecond`, or both are cut.',
    ),
  minBytesPerSecond: z
    .int()
    .min(0)
    .max(1_048_576)
    .default(240)
    .describe(
      'The least pace of bodies and of the taking of answers; 0 asks for nothing. Streams of readings are free of it.',
    ),
  idleMs: z
    .int()
    .min(seconds(5))
    .max(minutes(60))
    .default(minutes(1))
    .describe('A connection on which nothing moves for this long, in the middle of something, is closed.'),
  keepAliveMs: z
    .int()
    .min(seconds(1))
    .max(minutes(60))
    .default(seconds(65))
    .describe('A connection waits so long for its next request; longer than a balancer before it does.'),
  max: z
    .int()
    .min(10)
    .max(1_000_000)
    .default(10_000)
    .describe('Connections at the same time; further ones are closed at once, after idle ones have made room.'),
  maxPerAddress: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(2_000)
    .describe('The same for one address, or one /64 of IPv6; trusted proxies may have as many as there are.'),
});

export type ConnectionConfig = z.output<typeof connectionConfig>;
