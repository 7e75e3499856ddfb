import type { Delivery } from '../delivery/index.ts';
import type { AccountConfig } from '../identity/index.ts';
import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { hours, minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Limits } from '../limits/index.ts';
import type { Limit } from '../storage/index.ts';

/** What is written to people about their accounts. Nothing in it was typed by a stranger but the address. */
export type AccountMail =
  | { readonly kind: 'finish-registration'; readonly link: string }
  | { readonly kind: 'name-taken' }
  | { readonly kind: 'already-registered'; readonly username: string }
  | { readonly kind: 'verify'; readonly link: string }
  | { readonly kind: 'reset'; readonly username: string; readonly link: string }
  | { readonly kind: 'invitation'; readonly tenant: string; readonly link: string }
  | { readonly kind: 'password-changed' | 'email-changed' | 'deleted' | 'secured'; readonly username: string };

/** What is counted together of the mails that strangers can make us send; `notice` are those without a link. */
export type CountedMail = 'register' | 'verify' | 'reset' | 'invitation' | 'notice';

/** The pages that links lead to. */
export type AccountPage = 'register' | 'verify' | 'reset' | 'invitation';

export interface AccountMails {
  /** Whether mails with links can be sent at all: the same for everybody. */
  readonly areOn: boolean;
  /** The token stands in the fragment, which no server and no `Referer` sees. @returns undefined without a public URL */
  link(page: AccountPage, token: string): string | undefined;
  /**
   * Whether one more mail of a kind may go to an address within the hour. Whoever asks too often is not told. Each kind
   * has a count of its own, so that no other mail keeps somebody from the link that they need.
   *
   * @param index the blind index of the address
   */
  admits(kind: CountedMail, index: string): Promise<boolean>;
  /** Enqueues inside the write. @param until after this the link in it is dead. @returns false where it cannot be sent */
  send(tx: Tx, to: string, mail: AccountMail, until?: EpochMs): Promise<boolean>;
}

export interface AccountMailDeps {
  readonly delivery: Pick<Delivery, 'enqueue'>;
  readonly limits: Pick<Limits, 'takeOf'>;
  readonly config: Pick<AccountConfig, 'siteName' | 'mailsPerHour' | 'resetMs'>;
  /** Where links lead: `https://twin.example`. */
  readonly publicUrl: string | undefined;
  /** Whether a mail server is configured. */
  readonly canMail: boolean;
  /** Hears of a mail that could not be enqueued: nobody else is told, for that would tell whose account there is. */
  readonly onError: (error: unknown) => void;
}

/** None of these is thrown after anything was written, so the act that a mail tells of is done all the same. */
const UNSENDABLE = new Set(['DELIVERY_CHANNEL_OFF', 'DELIVERY_BACKLOG_FULL', 'DELIVERY_MESSAGE_REFUSED']);

export function createAccountMails(deps: AccountMailDeps): AccountMails {
  const { delivery, limits, config, publicUrl, canMail, onError } = deps;
  const base = publicUrl?.replace(/\/+$/, '');
  return {
    areOn: canMail && base !== undefined,
    link: (page, token) => (base === undefined ? undefined : `${base}/account/${page}#${token}`),
    admits: async (kind, index) => {
      try {
        await limits.takeOf(`account-mail ${kind} ${index}`, limitOf(kind, config));
        return true;
      } catch (error) {
        if (isFault(error, 'LIMIT_EXCEEDED')) return false;
        throw error;
      }
    },
    send: async (tx, to, mail, until) => {
      if (!canMail) return false;
      const { subject, lines } = wordsOf(mail, config.siteName);
      const text = `${lines.join('\n\n')}\n\n-- \n${config.siteName}\n`;
      const expiresAt = until === undefined ? {} : { expiresAt: epochMs(until) };
      try {
        await delivery.enqueue(tx, { kind: 'email', to, subject, text, ...expiresAt });
        return true;
      } catch (error) {
        if (!isFault(error) || !UNSENDABLE.has(error.code)) throw error;
        onError(error);
        return false;
      }
    },
  };
}

/**
 * Links to reset a password outlive the interval in which they are counted: whoever had the mails of an interval has one
 * whose link still works, also where strangers asked for all of them.
 */
function limitOf(kind: CountedMail, { mailsPerHour, resetMs }: Pick<AccountConfig, 'mailsPerHour' | 'resetMs'>): Limit {
  if (kind === 'notice') return { count: Math.min(NOTICES_PER_HOUR, mailsPerHour), windowMs: hours(1) };
  const windowMs = kind === 'reset' ? Math.min(hours(1), resetMs - minutes(1)) : hours(1);
  return { count: Math.ceil((mailsPerHour * windowMs) / hours(1)), windowMs };
}

const NOTICES_PER_HOUR = 2;

interface Words {
  readonly subject: string;
  readonly lines: readonly string[];
}

const NOT_YOU = 'If that was not you, you need not do anything.';
const ALARM = 'If that was not you, reset your password at once and tell an administrator.';

function wordsOf(mail: AccountMail, site: string): Words {
  switch (mail.kind) {
    case 'finish-registration':
      return {
        subject: `Finish your registration at ${site}`,
        lines: [`Somebody registered at ${site} with this address. To finish, open:`, mail.link, NOT_YOU],
      };
    case 'name-taken':
      return {
        subject: `Your registration at ${site}`,
        lines: [
          `Somebody registered at ${site} with this address, but the user name is taken. Choose another one.`,
          NOT_YOU,
        ],
      };
    case 'already-registered':
      return {
        subject: `You have an account at ${site}`,
        lines: [
          `Somebody registered at ${site} with this address, which has an account already. Its user name is ${mail.username}.`,
          'If you do not know the password any more, ask for a link to reset it.',
          NOT_YOU,
        ],
      };
    case 'verify':
      return {
        subject: `Confirm your e-mail address at ${site}`,
        lines: [`To confirm that this is your address at ${site}, open:`, mail.link, NOT_YOU],
      };
    case 'reset':
      return {
        subject: `Reset your password at ${site}`,
        lines: [
          `Somebody asked to reset the password of ${mail.username} at ${site}. To choose a new one, open:`,
          mail.link,
          NOT_YOU,
        ],
      };
    case 'invitation':
      return {
        subject: `You are invited to ${site}`,
        lines: [`You are invited to ${mail.tenant} at ${site}. To accept, open:`, mail.link, NOT_YOU],
      };
    case 'password-changed':
      return noticeOf(
        `Your password at ${site} was changed`,
        `The password of ${mail.username} at ${site} was changed.`,
      );
    case 'email-changed':
      return noticeOf(
        `Your e-mail address at ${site} was changed`,
        `This is no longer the address of ${mail.username} at ${site}.`,
      );
    case 'secured':
      return {
        subject: `Your account at ${site} was secured`,
        lines: [
          `Somebody else may have used the account ${mail.username} at ${site}.`,
          'All of its sessions and API keys were ended, and its password is good no longer.',
          'To get in again, ask an administrator for a link; no mail resets the password until they have seen to your address.',
        ],
      };
    case 'deleted':
      return noticeOf(`Your account at ${site} was deleted`, `The account ${mail.username} at ${site} was deleted.`);
  }
}

const noticeOf = (subject: string, sentence: string): Words => ({ subject, lines: [sentence, ALARM] });
