/** Floor 5. Rate limits. */
export { limitConfig } from './config.ts';
export { limitFault } from './errors.ts';
export { createLimits, type Limits } from './limits.ts';
