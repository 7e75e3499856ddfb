import { defineFaults } from '../kernel/errors.ts';

export const detectionFault = defineFaults({
  DETECTION_REFUSED: ['forbidden', 'The request looks like an attack and was refused.'],
  DETECTION_RULES: ['unprocessable', 'The rules of detection, or its exceptions, are not valid.'],
  DETECTION_BLOCKED: ['forbidden', 'Your requests are refused at present.'],
  DETECTION_BLOCK_UNKNOWN: ['missing', 'There is no such block in force.'],
  DETECTION_SUSPECT_UNKNOWN: ['missing', 'There is no such person, key or device.'],
  DETECTION_NEVER_BLOCKED: ['conflict', 'The configuration says that this one is never blocked.'],
});
