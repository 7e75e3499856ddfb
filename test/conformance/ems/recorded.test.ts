import { after, test } from 'node:test';
import { openRecorded } from '../recorded.ts';

const recorded = openRecorded('ems');
after(recorded.close);
for (const { name, play } of recorded.tests) test(name, play);
