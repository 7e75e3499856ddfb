import { defineFaults } from '../kernel/errors.ts';

export const mfaFault = defineFaults({
  MFA_CODE_WRONG: ['unauthenticated', 'The code is wrong, used, or has run out.'],
  MFA_REQUIRED: ['unauthenticated', 'This account asks for a second factor: send its code too.'],
  MFA_TICKET_INVALID: ['unauthenticated', 'The sign-in has to be begun again.'],
  MFA_FACTOR_UNKNOWN: ['missing', 'There is no such second factor.'],
  MFA_ENROLMENT_NEEDED: ['forbidden', 'A second factor must be set up first.'],
  MFA_LAST_FACTOR: ['conflict', 'A second factor is required here, so the last one cannot be removed.'],
  MFA_TAKEN: ['conflict', 'That second factor is set up already.'],
  MFA_FACTORS_FULL: ['conflict', 'There are as many second factors of this kind as there may be.'],
  MFA_CHANNEL_OFF: ['conflict', 'Codes are not sent this way here.'],
  MFA_NUMBER_REFUSED: ['unprocessable', 'Codes are not sent to this number.'],
  MFA_BUDGET_SPENT: ['limited', 'Too many codes were asked for or tried; try again later.'],
  MFA_POLICY_INVALID: ['unprocessable', 'Nobody could meet this policy.'],
});
