import { defineFaults } from '../kernel/errors.ts';

export const feedFault = defineFaults({
  SESSION_FEED_CURSOR: ['invalid', 'This is no place in the feed of revocations.'],
  SESSION_FEED_GONE: ['conflict', 'This place in the feed is older than what is kept: take the snapshot.'],
  SESSION_FEED_BUSY: ['limited', 'Too many are listening to the feed of revocations already.'],
});
