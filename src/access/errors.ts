import { defineFaults } from '../kernel/errors.ts';

export const accessFault = defineFaults({
  ACCESS_UNAUTHENTICATED: ['unauthenticated', 'Sign in, or send an API key.'],
  ACCESS_FORBIDDEN: ['forbidden', 'You are not allowed to do that.'],
  ACCESS_PROOF_TOO_OLD: ['unauthenticated', 'Sign in again: this needs a recent proof of who you are.'],
  ACCESS_SECOND_FACTOR: ['unauthenticated', 'This needs a second factor, given a moment ago.'],
  ACCESS_FACTOR_REQUIRED: [
    'forbidden',
    'A second factor is required of you here: set one up, then step up, or sign in again.',
  ],
  ACCESS_ESCALATION: ['forbidden', 'You cannot give rights that you do not have.'],
  ACCESS_ROLE_UNKNOWN: ['unprocessable', 'There is no such role.'],
  ACCESS_PERMISSION_UNKNOWN: ['unprocessable', 'There is no such permission.'],
});
