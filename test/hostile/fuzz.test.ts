import { fuzzSuite } from './fuzz-suite.ts';

/** `npm run soak` tries more: fuzz.soak.ts. */
fuzzSuite({ shots: 8_000, oneOf: 3 });
