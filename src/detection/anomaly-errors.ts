import { defineFaults } from '../kernel/errors.ts';

export const anomalyFault = defineFaults({
  DETECTION_BASELINE_UNKNOWN: ['missing', 'Nothing is known of how this principal uses the system.'],
});
