import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { encodeBase62 } from '../crypto/index.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { usageFault } from './errors.ts';

/** Four groups of five characters, 119 bits: easy to read aloud, nothing to guess. */
export function generatePassword(): string {
  const text = encodeBase62(createSystemRandom().bytes(24)).slice(-20);
  return text.match(/.{5}/g)?.join('-') ?? text;
}

/**
 * A secret from standard input, without the line end that follows it; what is typed at a terminal is not shown.
 *
 * @throws CLI_USAGE when nothing comes
 */
export async function readSecret(what: string): Promise<string> {
  const text = process.stdin.isTTY ? await ask(what) : await readAll();
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw usageFault(`the ${what} on standard input is empty`);
  return secret;
}

async function ask(what: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(`${what} (not shown): `);
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}

async function readAll(): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
