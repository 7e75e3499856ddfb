import { after, test } from 'node:test';
import { openRecorded } from '../recorded.ts';

const recorded = openRecorded('digital-twin-v2');
after(recorded.close);
for (const { name, play } of recorded.tests) test(name, play);
