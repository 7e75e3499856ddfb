/**
 * A process that seals values anew, to be killed. It prints `loaded` and waits for a line, so that the next victim can
 * be ready before this one is dead; then `begun`, the number of each new reading that is durable, and `done`.
 */
import { once } from 'node:events';
import { systemClock } from '../../src/kernel/clock.ts';
import { inTenant } from '../../src/kernel/tx.ts';
import { sealedFields } from '../../src/readings/index.ts';
import { createRewrap } from '../../src/vault/index.ts';
import { addReadings, openGround, PLANT, WRITTEN } from './rewrap-ground.ts';

process.stdin.on('end', () => process.exit(1));
process.stdout.write('loaded\n');
const [line] = await once(process.stdin, 'data');
const first = Number(String(line));

const { storage, vault } = await openGround(process.env['DATABASE'] ?? '');
const rewrap = createRewrap({
  vault,
  storage,
  clock: systemClock,
  audit: { record: async () => undefined },
  fields: sealedFields,
  holder: `victim-${process.pid}`,
  onError: (error) => console.error(error),
});

let running = true;
async function writeOthers(): Promise<void> {
  const sealer = await vault.fields(PLANT);
  for (let at = first; running; at++) {
    await storage.write(inTenant(PLANT), (tx) => addReadings(tx, sealer, [{ meter_id: WRITTEN, at }]));
    process.stdout.write(`${at}\n`);
  }
}

process.stdout.write('begun\n');
const writing = writeOthers();
await rewrap.run({ urgent: true });
running = false;
await writing;
process.stdout.write('done\n');
