import type { Delivery } from '../delivery/index.ts';
import type { PersonId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Method } from './method.ts';

/** What became of somebody's second factors, or was tried with them. */
export type Change =
  | { readonly kind: 'factor-added' | 'factor-removed'; readonly method: Method }
  | { readonly kind: 'backup-codes-made' | 'recovery-issued' | 'reset' | 'codes-guessed' }
  | { readonly kind: 'backup-code-used'; readonly left: number };

/** Tells the owner of every change, and whoever listens for events. */
export interface Notices {
  /** Inside the write that makes the change. Where no mail can be sent the change is made all the same. */
  tell(tx: Tx, actor: Actor, person: PersonId, change: Change): Promise<void>;
}

export interface NoticeDeps {
  readonly delivery: Pick<Delivery, 'enqueue' | 'publish'>;
  readonly name: string;
  /** The address of a person, where there is one that opens. */
  readonly emailOf: (tx: Tx, person: PersonId) => Promise<string | undefined>;
}

export function createNotices({ delivery, name, emailOf }: NoticeDeps): Notices {
  return {
    tell: async (tx, { tenantId }, person, change) => {
      const { kind: what, ...more } = change;
      await delivery.publish(tx, { type: 'mfa.changed', tenantId, data: { person_id: person, change: what, ...more } });
      const to = await emailOf(tx, person);
      if (to === undefined) return;
      const text = `${sentenceOf(change)}\n\nIf that was not you, sign in to ${name}, end all sessions, and change your password.\n`;
      try {
        await delivery.enqueue(tx, { kind: 'email', to, tenantId, subject: `${name}: ${subjectOf(change)}`, text });
      } catch (error) {
        if (!isFault(error) || !error.code.startsWith('DELIVERY_')) throw error;
      }
    },
  };
}

/** For who has no way to tell: a program that embeds the room. */
export const silent: Notices = { tell: async () => undefined };

const NAMES: Readonly<Record<Method, string>> = {
  passkey: 'A passkey',
  totp: 'An authenticator app',
  backup: 'A backup code',
  email: 'An e-mail address for codes',
  sms: 'A telephone number for codes',
};

function subjectOf(change: Change): string {
  switch (change.kind) {
    case 'factor-added':
      return 'a second factor was added';
    case 'factor-removed':
      return 'a second factor was removed';
    case 'backup-codes-made':
      return 'you have new backup codes';
    case 'backup-code-used':
      return 'a backup code was used';
    case 'recovery-issued':
      return 'a recovery code was issued';
    case 'codes-guessed':
      return 'wrong codes were given for your account';
    case 'reset':
      return 'your second factors were removed';
  }
}

function sentenceOf(change: Change): string {
  switch (change.kind) {
    case 'factor-added':
      return `${NAMES[change.method]} was added to your account.`;
    case 'factor-removed':
      return `${NAMES[change.method]} was removed from your account.`;
    case 'backup-codes-made':
      return 'New backup codes were made for your account. The old ones work no longer.';
    case 'backup-code-used':
      return `A single-use code was used with your account. You have ${change.left} backup codes left.`;
    case 'recovery-issued':
      return 'An administrator issued a recovery code for your account.';
    case 'codes-guessed':
      return 'Somebody who gave the right password has given several wrong codes for your account today.';
    case 'reset':
      return 'All second factors were removed from your account.';
  }
}
