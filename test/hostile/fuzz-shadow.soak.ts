import { fuzzSuite } from './fuzz-suite.ts';

fuzzSuite({ shots: 100_000, oneOf: 1, own: 'shadow', proxied: 'shadow' });
