import { z } from 'zod';

const perMinute = (count: number, sentence: string) => z.int().min(1).max(1_000_000).default(count).describe(sentence);

export const limitConfig = z.strictObject({
  enabled: z.boolean().default(true).describe('Off is for benchmarks alone, and refused in production.'),
  addressPerMinute: perMinute(60_000, 'Requests a minute from one address block, of whatever kind.'),
  principalPerMinute: perMinute(60_000, 'Requests a minute of one person or API key.'),
  tenantPerMinute: perMinute(600_000, 'Requests a minute of everybody in one tenant together.'),
  signInPerAddress: perMinute(60, 'Sign-ins a minute from one address block.'),
  signInPerAccount: perMinute(30, 'Sign-ins a minute for one username, whether it exists or not.'),
  badCredentialsPerAddress: perMinute(120, 'Requests with a bad token or key a minute from one address block.'),
});

export type LimitConfig = z.output<typeof limitConfig>;
