import assert from 'node:assert/strict';
import { Secret, TOTP } from 'otpauth';
import { startProfile } from '../profile-kit.ts';

type Options = Parameters<typeof startProfile<'aivillage'>>[2];
type Settings = Parameters<typeof startProfile<'aivillage'>>[1];
type ProfileKit = Awaited<ReturnType<typeof startProfile<'aivillage'>>>;

/** The profile served alone, with an authenticator app at hand. */
export interface Village extends ProfileKit {
  /** What an app shows now, or some steps off. */
  codeOf(secret: string, off?: number): string;
  /** Sets a confirmed app up for the person of a token, and lets its first code run out. */
  enrol(token: string): Promise<{ readonly secret: string; readonly backupCodes: readonly string[] }>;
}

export async function startVillage(settings: Settings = {}, options: Options = {}): Promise<Village> {
  const kit = await startProfile('aivillage', settings, options);
  const codeOf = (secret: string, off = 0): string =>
    new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: kit.clock.now() + off * 30_000 });
  return {
    ...kit,
    codeOf,
    enrol: async (token) => {
      const begun = await kit.call('POST', '/auth/mfa/setup', { token });
      assert.equal(begun.status, 200, begun.text);
      const { secret, backup_codes: backupCodes } = begun.json;
      const done = await kit.call('POST', '/auth/mfa/verify', { token, body: { code: codeOf(secret) } });
      assert.equal(done.status, 200, done.text);
      kit.clock.advance(60_000); // the code that was given counts once
      return { secret, backupCodes };
    },
  };
}
