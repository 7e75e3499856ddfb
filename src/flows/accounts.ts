import { createAccountTokens, createInvitations } from '../identity/index.ts';
import type { AccountDeps, AccountGround } from './account-deps.ts';
import { createEmailProofs } from './account-emails.ts';
import { createInvitationFlow } from './account-invitations.ts';
import { createPasswordFlow } from './account-passwords.ts';
import { createRegistration } from './account-registration.ts';
import { createRemoval } from './account-removal.ts';

/**
 * The life of an account, from its registration to its end, for the native routes and for those of profiles.
 *
 * Whatever a stranger may ask tells nobody whether there is an account of some name or address; see `docs/accounts.md`.
 */
export function createAccounts(deps: AccountDeps) {
  const tokens = createAccountTokens(deps);
  const ground: AccountGround = { ...deps, tokens, invitations: createInvitations(deps) };
  const registration = createRegistration(ground);
  const invitations = createInvitationFlow(ground, registration);
  const emails = createEmailProofs(ground, registration);
  const passwords = createPasswordFlow(ground);
  const removal = createRemoval(ground);
  return {
    register: registration.register,
    verifyEmail: emails.verifyEmail,
    requestVerification: emails.requestVerification,
    requestEmailChange: emails.requestChange,
    requestReset: passwords.requestReset,
    reset: passwords.reset,
    changePassword: passwords.change,
    issueResetLink: passwords.issueLink,
    removeSelf: removal.removeSelf,
    remove: removal.remove,
    resetFactors: removal.resetFactors,
    recoveryCode: removal.recoveryCode,
    memberOf: removal.memberOf,
    invite: invitations.invite,
    listInvitations: invitations.list,
    revokeInvitation: invitations.revoke,
    acceptInvitation: invitations.accept,
    joinByInvitation: invitations.join,
    /** Forgets links that ran out. */
    prune: tokens.prune,
  };
}

export type Accounts = ReturnType<typeof createAccounts>;
