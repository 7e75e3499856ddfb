/** A process that rotates its master key, to be killed: `node master-victim.contract.ts <database> <key file> <time>`. */
import { createTestClock } from '../testing/index.ts';
import { emptyDatabase, nobody, random, startProcess } from './masters-kit.contract.ts';
import { fileProvider } from './provider-file.ts';

const [, , database = '', file = '', time = ''] = process.argv;
const clock = createTestClock(Number(time));
const storage = await emptyDatabase(database, clock);
const provider = fileProvider(file, random);
const victim = await startProcess({ storage, provider, clock, onStep: (step) => process.stdout.write(`${step}\n`) });
process.stdout.write('started\n');
await victim.rotator.rotate(nobody);
await storage.close();
