/** Floor 5. Rate limits. */
export { type LimitConfig, limitConfig } from './config.ts';
export { limitFault } from './errors.ts';
export { rateLimitHeaders } from './headers.ts';
export {
  type Claim,
  createLimits,
  type LimitRule,
  type Limits,
  type Prepared,
  preparedOf,
  type Tightest,
} from './limits.ts';
export { parseLimits } from './parse.ts';
