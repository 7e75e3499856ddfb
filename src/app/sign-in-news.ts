import type { Delivery } from '../delivery/index.ts';
import type { Identity } from '../identity/index.ts';
import { rfc3339 } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { SessionNotices } from '../sessions/index.ts';
import { addressOf } from './entering.ts';

export interface SignInNewsDeps {
  readonly delivery: Pick<Delivery, 'enqueue' | 'publish'>;
  readonly identity: Identity;
  readonly onError: (error: unknown) => void;
}

/** Nothing was written before one of these is thrown: the sign-in goes on without its notice. */
const UNSENDABLE = new Set(['DELIVERY_CHANNEL_OFF', 'DELIVERY_BACKLOG_FULL', 'DELIVERY_MESSAGE_REFUSED']);

/** Tells webhooks and the person of a sign-in that is unlike those before it. */
export function createSignInNews({ delivery, identity, onError }: SignInNewsDeps): SessionNotices {
  return {
    publish: (tx, { personId, tenantId, sessionId, profile, at, reasons }) =>
      delivery.publish(tx, {
        type: 'session.suspicious',
        tenantId,
        data: { person: personId, session: sessionId, profile, at: rfc3339(at), reasons: [...reasons] },
      }),
    notify: async (tx, { personId }, text) => {
      const to = await addressOf(identity, tx, personId);
      if (to === undefined) return;
      try {
        await delivery.enqueue(tx, { kind: 'email', to, subject: 'A sign-in from a new device', text });
      } catch (error) {
        if (!isFault(error) || !UNSENDABLE.has(error.code)) throw error;
        if (error.code !== 'DELIVERY_CHANNEL_OFF') onError(error);
      }
    },
  };
}
