import { fuzzSuite } from './fuzz-suite.ts';

/** `npm run soak` tries more: fuzz.soak.ts. */
fuzzSuite({ shots: 3_000, oneOf: 20, oneStringOf: 5, own: 'shadow', proxied: 'block' });
