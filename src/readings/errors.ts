import { defineFaults } from '../kernel/errors.ts';

export const readingFault = defineFaults({
  READING_CONFLICT: ['conflict', 'Another reading is stored for this meter and time.'],
  READING_TOO_MANY: ['too-large', 'There are too many readings in one call.'],
  READING_LINES_REFUSED: ['unprocessable', 'Lines of the stream were refused; those before them are stored.'],
  READING_CURSOR: ['unprocessable', 'The cursor does not belong to this query.'],
  READING_UNKNOWN_METER: ['missing', 'There are no readings of this meter.'],
  READING_STREAM_CREDENTIAL: ['unauthenticated', 'Sign in first.'],
  READING_STREAM_FOREIGN: ['forbidden', 'The stream belongs to somebody else.'],
  READING_STREAM_ORIGIN: ['forbidden', 'Pages of that origin may not open sockets here.'],
  READING_STREAM_FULL: ['limited', 'Too many streams are open.'],
  READING_STREAM_SLOW: ['limited', 'The stream was not read as fast as readings came.'],
  READING_STREAM_OVER: ['unavailable', 'The stream ends, for the server does.'],
  READING_STREAM_REQUEST: ['invalid', 'The request for the stream is not valid.'],
  READING_UNREADABLE: ['internal', 'A stored reading does not open.'],
});
