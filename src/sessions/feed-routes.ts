import { z } from 'zod';
import { defineRoute, ok, type Route } from '../http/index.ts';
import { seconds } from '../kernel/clock.ts';
import { nameOf } from '../kernel/principal.ts';
import type { FeedPage, RevocationFeed } from './feed.ts';
import { cursorText, nonceText, relayFeed } from './feed-stream.ts';

/** No kind of reading: a viewer of a twin's data has no business with who was signed out. */
const PERMISSION = 'follow:revocations';
const MAX_WAIT_S = 30;
/** Bounds an answer to some 90 KB, and the snapshot's to 2 MB. */
const PAGE_ITEMS = 1_000;
const SNAPSHOT_ITEMS = 20_000;

const wholeSeconds = z
  .string()
  .regex(/^\d{1,2}$/)
  .transform(Number)
  .pipe(z.int().max(MAX_WAIT_S));
const pageReply = z.strictObject({
  revocations: z.string().describe('Compact JWS of type revocations+jwt: docs/revocations.md says what is in it.'),
  next: z.string().describe('Where to go on: the next `after`.'),
  more: z.boolean(),
});

const replyOf = ({ signed, next, more, count }: FeedPage) =>
  ok({ revocations: signed, next, more }, { records: count });

/** The feed by which others refuse what was called back here: a long poll, a stream, and a snapshot to begin with. */
export function revocationRoutes(feed: RevocationFeed): readonly Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/revocations',
      summary: 'Revocations behind a place in the feed; waits for the first where there are none.',
      access: { kind: 'permission', permission: PERMISSION },
      records: 'none', // asked every second by every verifier, and it names nobody
      query: z.strictObject({
        after: cursorText.optional(),
        wait: wholeSeconds.optional().describe('Seconds to wait for something new, at most 30.'),
        nonce: nonceText.optional(),
      }),
      replies: { 200: pageReply },
      faults: ['SESSION_FEED_STALE', 'SESSION_FEED_CURSOR', 'SESSION_FEED_GONE', 'SESSION_FEED_BUSY'],
      handle: async ({ query, caller, confirm, left }) => {
        const { after, wait = 0, nonce } = query;
        if (wait > 0) {
          const leave = feed.join(nameOf(caller));
          await feed.wait(after, seconds(wait), left?.()).finally(leave);
          await confirm?.(); // the right to know may have ended meanwhile
        }
        return replyOf(await feed.page(after, { most: PAGE_ITEMS, nonce }));
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/revocations/snapshot',
      summary: 'Every revocation of a token that may still be alive, and the place where the feed goes on.',
      access: { kind: 'permission', permission: PERMISSION },
      limits: [{ per: 'principal', count: 600, windowMs: seconds(60) }],
      records: 'none',
      query: z.strictObject({ after: cursorText.optional(), nonce: nonceText.optional() }),
      replies: { 200: pageReply },
      faults: ['SESSION_FEED_STALE', 'SESSION_FEED_CURSOR', 'SESSION_FEED_GONE'],
      handle: async ({ query }) => replyOf(await feed.page(query.after, { most: SNAPSHOT_ITEMS, nonce: query.nonce })),
    }),
    {
      method: 'GET',
      path: '/v1/revocations/stream',
      summary: 'The feed as server-sent events: one for each revocation, and at least one a second.',
      access: { kind: 'permission', permission: PERMISSION },
      limits: [{ per: 'principal', count: 60, windowMs: seconds(60) }],
      records: 'none',
      replies: { 200: 'text/event-stream' },
      faults: ['SESSION_FEED_STALE', 'SESSION_FEED_CURSOR', 'SESSION_FEED_GONE', 'SESSION_FEED_BUSY'],
      handle: async () => ok(''), // never asked: `relay` answers
      relay: (input) => relayFeed(feed, input, PAGE_ITEMS),
    },
  ];
}
