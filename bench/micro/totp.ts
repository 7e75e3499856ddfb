/** Check of one TOTP code against its step and the two beside it: Twinkeep's, and npm's `otpauth` with its key made ahead. */
import { Secret, TOTP } from 'otpauth';
import { systemClock } from '../../src/kernel/clock.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { stepOf } from '../../src/mfa/totp.ts';
import type { MicroCases } from './case.ts';

const WRONG = '000000'; // all three steps are looked at by both
const secret = createSystemRandom().bytes(20);

export const totpCases: MicroCases = {
  'totp/twinkeep': async () => ({ waits: false, run: () => stepOf(secret, WRONG, systemClock.now()) }),
  'totp/otpauth': async () => {
    const totp = new TOTP({ secret: new Secret({ buffer: new Uint8Array(secret).buffer }) });
    return { waits: false, run: () => totp.validate({ token: WRONG, window: 1 }) };
  },
};
