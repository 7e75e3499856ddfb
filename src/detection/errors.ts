import { defineFaults } from '../kernel/errors.ts';

export const detectionFault = defineFaults({
  DETECTION_BLOCKED: ['forbidden', 'Requests from your address are refused at present.'],
  DETECTION_BLOCK_UNKNOWN: ['missing', 'There is no such block in force.'],
  DETECTION_NEVER_BLOCKED: ['conflict', 'The configuration says that this address is never blocked.'],
});
