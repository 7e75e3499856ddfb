import { defineFaults } from '../kernel/errors.ts';

export const tlsFault = defineFaults({
  TLS_TOO_OLD: ['forbidden', 'This is served over TLS 1.3 alone; the connection is older.'],
  TLS_NEEDED: ['forbidden', 'This is served over HTTPS alone. What was sent here was sent in the clear: change it.'],
});
