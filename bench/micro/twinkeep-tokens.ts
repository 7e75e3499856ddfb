import { personId, realmId, sessionId, tenantId } from '../../src/kernel/brand.ts';
import { days, minutes, systemClock } from '../../src/kernel/clock.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { platform } from '../../src/kernel/tx.ts';
import { createRevocations, openTokens, sessionMigrations } from '../../src/sessions/index.ts';
import { createMemoryBus, createSqliteStorage } from '../../src/storage/index.ts';
import { createMasterKey, openVault, singleMaster, vaultMigrations } from '../../src/vault/index.ts';

/** Twinkeep's own tokens, and the verifier that the request line asks. */
export interface TwinkeepTokens {
  readonly tokens: readonly string[];
  /** Returns or resolves to the holder of a good token, and throws for any other. */
  readonly check: (token: string) => unknown;
}

/** @param count how many different tokens */
export async function twinkeepTokens(count: number): Promise<TwinkeepTokens> {
  const clock = systemClock;
  const random = createSystemRandom();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  await storage.migrate([...vaultMigrations, ...sessionMigrations]);
  const vault = await openVault({
    storage,
    masters: singleMaster(createMasterKey(random.bytes(32), random)),
    clock,
    random,
  });
  const accessMs = minutes(15);
  const onError = (error: unknown): never => {
    throw error;
  };
  const revocations = createRevocations({ storage, bus: createMemoryBus(), clock, random, accessMs, onError });
  await revocations.start();
  const issuer = 'https://twin.example';
  const audit = { record: async () => undefined }; // nothing is rotated here
  const keyDeps = { storage, vault, audit, bus: createMemoryBus(), clock, random, issuer, rotateEveryMs: days(90) };
  const { sign, verify } = await openTokens({ ...keyDeps, revocations, accessMs });
  // One session is over: the verifier has a set to look into, as in a house where people sign out.
  await storage.write(platform, (tx) => revocations.add(tx, 'session', 'somebody-elses'));
  const holder = (i: number) => ({
    kind: 'person' as const,
    personId: personId(`person-${i}`),
    sessionId: sessionId(`session-${i}`),
    realmId: realmId('default'),
    tenantId: tenantId('plant-1'),
    username: `ada-${i}`,
    authenticatedAt: clock.now(),
  });
  const tokens = await Promise.all(Array.from({ length: count }, (_, i) => sign(holder(i))));
  return { tokens, check: verify };
}
