import { defineFaults } from '../kernel/errors.ts';

export const readingFault = defineFaults({
  READING_CONFLICT: ['conflict', 'Another reading is stored for this meter and time.'],
  READING_TOO_MANY: ['too-large', 'There are too many readings in one call.'],
  READING_LINES_REFUSED: ['unprocessable', 'Lines of the stream were refused; those before them are stored.'],
  READING_CURSOR: ['unprocessable', 'The cursor does not belong to this query.'],
  READING_UNKNOWN_METER: ['missing', 'There are no readings of this meter.'],
  READING_UNREADABLE: ['internal', 'A stored reading does not open.'],
});
