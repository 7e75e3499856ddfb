/**
 * Migrates a table of somebody else, or undoes it, until it is done or killed:
 * `node migrate-fields-victim.ts <database> <vault file> <backup folder> <migrate|undo>`.
 * Prints `ready`, each phase as it begins, and the report as JSON.
 */
import { createTestVault, migrating } from '../../src/migration/migration-kit.contract.ts';

const [url = '', vaultFile = '', folder = '', mode = ''] = process.argv.slice(2);
const envelopes = await createTestVault(vaultFile);
let phase = '';
const overrides = {
  batch: 25,
  onProgress: (now: string): void => {
    if (now !== phase) process.stdout.write(`${now}\n`);
    phase = now;
  },
};
process.stdout.write('ready\n');
try {
  const report = await migrating({ url, envelopes, folder, overrides }, (migration) =>
    mode === 'undo' ? migration.undo() : migration.migrate(),
  );
  process.stdout.write(`${JSON.stringify(report)}\n`);
} catch (error) {
  // An error is told as itself, so that a test can say which one it wanted.
  const { code, message, facts } = Object(error);
  process.stdout.write(`${JSON.stringify({ code, message, reason: facts?.reason })}\n`);
  process.exitCode = 1;
}
await envelopes.close();
