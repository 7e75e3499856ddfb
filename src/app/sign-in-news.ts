import type { Delivery } from '../delivery/index.ts';
import type { Identity } from '../identity/index.ts';
import type { PersonId } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Tx } from '../kernel/tx.ts';
import type { SessionNotices } from '../sessions/index.ts';
import { addressOf } from './entering.ts';

export interface SignInNewsDeps {
  readonly delivery: Pick<Delivery, 'enqueue' | 'publish'>;
  readonly identity: Identity;
  readonly onError: (error: unknown) => void;
}

/** Nothing was written before one of these is thrown: the sign-in goes on without its notice. */
const UNSENDABLE = new Set(['DELIVERY_CHANNEL_OFF', 'DELIVERY_BACKLOG_FULL', 'DELIVERY_MESSAGE_REFUSED']);

const COPIED = 'Somebody used a copy of what keeps you signed in on one of your devices.';
const TO_DO = '\n\nSign in again there. If that happens more than once, end all sessions and change your password.';

/** Tells webhooks and the person of a sign-in that is unlike those before it, and of a session that two parties held. */
export function createSignInNews({ delivery, identity, onError }: SignInNewsDeps): SessionNotices {
  return {
    publish: (tx, { personId, tenantId, sessionId, profile, at, reasons }) =>
      delivery.publish(tx, {
        type: 'session.suspicious',
        tenantId,
        data: { person: personId, session: sessionId, profile, at: rfc3339(at), reasons: [...reasons] },
      }),
    notify: (tx, { personId }, text) => mail(tx, personId, 'A sign-in from a new device', text),
    replayed: async (tx, { personId, tenantId, sessionId, profile, at }) => {
      const data = { person: personId, session: sessionId, profile, at: rfc3339(at) };
      await delivery.publish(tx, { type: 'session.replayed', tenantId, data });
      await mail(tx, personId, 'A session of yours was ended', `${COPIED} It was ended at ${rfc3339(at)}.${TO_DO}`);
    },
  };

  async function mail(tx: Tx, person: PersonId, subject: string, text: string): Promise<void> {
    const to = await addressOf(identity, tx, person);
    if (to === undefined) return;
    try {
      await delivery.enqueue(tx, { kind: 'email', to, subject, text });
    } catch (error) {
      if (!isFault(error) || !UNSENDABLE.has(error.code)) throw error;
      if (error.code !== 'DELIVERY_CHANNEL_OFF') onError(error);
    }
  }
}
