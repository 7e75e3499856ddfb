import { fuzzSuite } from './fuzz-suite.ts';

fuzzSuite({ shots: 50_000, oneOf: 1 });
