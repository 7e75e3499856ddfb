/**
 * A whole Twinkeep to be killed: set by the environment as the command line sets it, on a free port. Prints its address
 * as a line of JSON; ends by SIGTERM in order, and at once when the process that started it is gone.
 */
import { createTwinkeep, listen, loadConfig } from '../../src/app/index.ts';

process.stdin.on('end', () => process.exit(1)).resume();

const config = await loadConfig(process.env);
const listening = await listen(await createTwinkeep(config));

process.on('SIGTERM', () => {
  void listening.close().then(() => process.exit(0));
});
process.stdout.write(`${JSON.stringify({ address: listening.address })}\n`);
