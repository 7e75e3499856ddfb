import { defineFaults } from '../kernel/errors.ts';

export const identityFault = defineFaults({
  IDENTITY_USERNAME_TAKEN: ['conflict', 'That username is taken.'],
  IDENTITY_EMAIL_TAKEN: ['conflict', 'That e-mail address is taken.'],
  IDENTITY_PERSON_UNKNOWN: ['missing', 'There is no such person.'],
  IDENTITY_CREDENTIALS: ['unauthenticated', 'The username or the password is wrong.'],
  IDENTITY_SHARED_PERSON: ['forbidden', 'That person belongs to other tenants too; only the operator may do this.'],
});
