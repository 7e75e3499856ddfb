import { z } from 'zod';
import { accessFault } from '../../access/index.ts';
import { actorOf, csrfHeaderOf, type Input, storableText } from '../../http/index.ts';
import { minutes } from '../../kernel/clock.ts';
import type { Actor, PersonPrincipal, Principal } from '../../kernel/principal.ts';
import type { Method, Mfa } from '../../mfa/index.ts';
import { sessionFault } from '../../sessions/index.ts';
import { isCsrfAsked } from '../csrf.ts';
import type { ProfileGround } from '../extras.ts';

/** How long a proof counts for what is asked of it (X21, X29). */
export const PROVED_MS = minutes(10);

/** What the clients call them, and what we do. */
const NAMES = {
  totp: 'totp',
  sms: 'sms',
  phone: 'sms',
  email: 'email',
  backup_code: 'backup',
  backup_codes: 'backup',
  backup: 'backup',
  passkey: 'passkey',
} as const satisfies Readonly<Record<string, Method>>;

/** A second factor by any of its names. */
export const methodName = z
  .enum(Object.keys(NAMES) as [keyof typeof NAMES, ...(keyof typeof NAMES)[]]) // the keys of the table above
  .transform((name): Method => NAMES[name]);

export const nameOf = (method: Method): string => (method === 'backup' ? 'backup_code' : method);

/** Each once, in the order of the list. */
export const namesOf = (methods: readonly Method[]): readonly string[] => [...new Set(methods.map(nameOf))];

export const code = storableText(1, 64);
export const password = storableText(1, 1_024);

type Asked = Pick<Input, 'caller' | 'context' | 'tenantId'>;

/** For routes that also take a ticket of a sign-in: without one it has to be somebody known. @throws ACCESS_UNAUTHENTICATED */
export function knownPerson(caller: Principal): PersonPrincipal {
  if (caller.kind !== 'person') throw accessFault('ACCESS_UNAUTHENTICATED');
  return caller;
}

/**
 * What the line asks of every other route: a cookie goes along with requests of other pages, so whoever is known by one
 * must also say what those cannot know.
 *
 * @throws SESSION_CSRF
 */
export async function assertMeant(
  { csrf, csrfPolicy }: Pick<ProfileGround, 'csrf' | 'csrfPolicy'>,
  { caller, context }: Asked,
): Promise<void> {
  if (caller.kind !== 'person' || context.headers.authorization !== undefined) return;
  if (!isCsrfAsked(csrfPolicy, context)) return;
  const meant = await csrf.matches(caller.sessionId, csrfHeaderOf(context));
  if (!meant) throw sessionFault('SESSION_CSRF');
}

export const actorIn = ({ context, caller, tenantId }: Asked): Actor => actorOf(context, caller, tenantId);

/** How lately the person of a session proved who they are. */
export interface Lately {
  /** With everything that the account asks for. */
  readonly whole: boolean;
  readonly secondFactor: boolean;
}

export async function provedLately(
  { sessions, clock }: Pick<ProfileGround, 'sessions' | 'clock'>,
  { sessionId }: PersonPrincipal,
): Promise<Lately> {
  const proof = await sessions.proof(sessionId);
  const isLate = (at: number | undefined): boolean => at !== undefined && clock.now() - at <= PROVED_MS;
  return { whole: isLate(proof?.provedAt), secondFactor: isLate(proof?.secondFactorAt) };
}

/** @throws ACCESS_PROOF_TOO_OLD, which says how to prove it anew */
export async function assertProvedLately(
  ground: Pick<ProfileGround, 'sessions' | 'clock'>,
  caller: PersonPrincipal,
): Promise<void> {
  const { whole } = await provedLately(ground, caller);
  if (!whole) throw accessFault('ACCESS_PROOF_TOO_OLD', { max_age_s: PROVED_MS / 1_000 });
}

/** One that was begun and waits for its first code. */
export async function pendingOf(mfa: Pick<Mfa, 'list'>, person: PersonPrincipal, method: Method | undefined) {
  const factors = await mfa.list(person.personId);
  return factors.findLast(
    (factor) => factor.confirmedAt === undefined && (method === undefined || factor.method === method),
  );
}
