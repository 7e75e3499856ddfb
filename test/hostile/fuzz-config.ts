import { join } from 'node:path';
import type { ConfigInput } from '../../src/app/index.ts';

const DAY_MS = 86_400_000;

/** How much is tried. */
export interface FuzzSize {
  readonly shots: number;
  /** Of so many routes one is tried with each string, and over all strings each route. */
  readonly oneOf: number;
  /** Of so many strings one is tried, by the seed; all without it. */
  readonly oneStringOf?: number;
  /** What detection does on our own routes, and on those that are handed on. */
  readonly own: 'shadow' | 'block';
  readonly proxied: 'shadow' | 'block';
}

/** Limits are counted and blocks are made, but none is met by somebody who tries everything. */
export const configOf = (folder: string, backEnd: string, { own, proxied }: FuzzSize): ConfigInput => {
  const many = 1_000_000;
  const sessions = { accessMs: DAY_MS, idleMs: DAY_MS, absoluteMs: DAY_MS };
  return {
    profiles: ['twinkeep', 'ems'],
    profile: {
      ems: { secret: 'hG7wQz2VxN9rTb4LmK8sYc3Jd6PfA1uE', logDirectory: join(folder, 'log'), limitsEnabled: false },
    },
    limits: {
      addressPerMinute: many,
      principalPerMinute: many,
      tenantPerMinute: many,
      signInPerAddress: many,
      signInPerAccount: many,
      signInFailuresPerAddressHour: many,
      signInFailuresPerAccount: many,
      signInFailuresPerAccountHour: many,
      signInFailuresPerAccountDay: many,
      codeFailuresPerAccountDay: many,
      refusalMs: 0, // even times of refusals: test/hostile/oracle.test.ts
      badCredentialsPerAddress: many,
    },
    detection: {
      failures: 1_000,
      // Attacks are held against people and keys, and forgotten before they come to a block.
      suspicion: { attackPoints: 1, halfLifeMs: 60_000, endSessions: false },
      inspection: { mode: own },
    },
    delivery: { smtp: { host: '127.0.0.1', port: 1, tls: 'none', from: 'ops@example.com' } }, // nobody listens there
    trustedProxies: ['127.0.0.1'], // which is never blocked; each request names an address of its own
    sessions,
    corsOrigins: ['https://twin.test'],
    gateway: {
      backEnds: { twin: { url: backEnd } },
      routes: [
        { path: '/twin/*', to: 'twin', sockets: true, detection: proxied },
        {
          path: '/open/*',
          to: 'twin',
          access: 'public',
          because: 'the fuzzer asks without a token',
          detection: proxied,
        },
        {
          path: '/machines/:id',
          to: 'twin',
          detection: proxied,
          access: { permission: { read: 'read:meter_data', write: 'write:meter_data' } },
        },
      ],
    },
  };
};
