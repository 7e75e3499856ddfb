import { defineFaults } from '../kernel/errors.ts';

export const identityFault = defineFaults({
  IDENTITY_USERNAME_TAKEN: ['conflict', 'That username is taken.'],
  IDENTITY_EMAIL_TAKEN: ['conflict', 'That e-mail address is taken.'],
  IDENTITY_PERSON_UNKNOWN: ['missing', 'There is no such person.'],
  IDENTITY_CREDENTIALS: ['unauthenticated', 'The username or the password is wrong.'],
  IDENTITY_SHARED_PERSON: ['forbidden', 'That person belongs to other tenants too; only the operator may do this.'],
  IDENTITY_PASSWORD_WEAK: ['unprocessable', 'That password is too easy to guess.'],
  IDENTITY_TOKEN_INVALID: [
    'invalid',
    'That link is not valid: it was used, has run out, or was replaced by a newer one.',
  ],
  IDENTITY_REGISTRATION_CLOSED: ['forbidden', 'Accounts are not open to everybody here.'],
  IDENTITY_EMAIL_MISSING: ['unprocessable', 'An e-mail address is needed.'],
  IDENTITY_MAIL_OFF: ['conflict', 'E-mail is not set up here, so this cannot be done.'],
  IDENTITY_INVITATION_UNKNOWN: ['missing', 'There is no such invitation.'],
  IDENTITY_USERNAME_REFUSED: ['unprocessable', 'A user name with an @ has to be the e-mail address that goes with it.'],
  IDENTITY_OWN_PASSWORD: ['forbidden', 'Your own account is changed with its password, not by this.'],
  IDENTITY_MEMBER_ALREADY: ['conflict', 'You belong to that tenant already.'],
  IDENTITY_LAST_ADMINISTRATOR: ['conflict', 'You are the last administrator here; make somebody else one first.'],
});
