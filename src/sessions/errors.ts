import { defineFaults } from '../kernel/errors.ts';

export const sessionFault = defineFaults({
  SESSION_TOKEN_INVALID: ['unauthenticated', 'The access token is not valid.'],
  SESSION_EXPIRED: ['unauthenticated', 'The session has expired.'],
  SESSION_REVOKED: ['unauthenticated', 'The session is no longer valid.'],
  SESSION_UNKNOWN: ['unauthenticated', 'The session is not known.'],
  SESSION_DEVICE: ['unauthenticated', 'The refresh token belongs to another device.'],
  SESSION_NOT_FOUND: ['missing', 'There is no such session.'],
  SESSION_DEVICE_UNKNOWN: ['missing', 'There is no such device.'],
  SESSION_LIMIT: ['forbidden', 'There are as many sessions as one person may have at a time; end one of them first.'],
  SESSION_CSRF: ['forbidden', 'The request has no CSRF token that belongs to its session.'],
  SESSION_FEED_STALE: [
    'unavailable',
    'This server has lost touch with revocations and refuses tokens until it has them.',
  ],
  SESSION_SECRET_WEAK: ['internal', 'The secret that tokens are signed with is not usable.'],
});
