import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { seconds } from '../kernel/clock.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import type { TransitConfig } from './config.ts';
import { vaultFault } from './errors.ts';
import type { MasterKeyProvider } from './provider.ts';

const TIMEOUT_MS = seconds(5);
const MOST_ANSWER_BYTES = 65_536;
const MOST_TOKEN_BYTES = 16_384;
/** What may stand in a header: a token with a line end in it would be refused by an error that repeats it. */
const TOKEN = /^[\x21-\x7e]+$/;
const CIPHERTEXT = /^vault:v[0-9]{1,9}:[A-Za-z0-9+/]{1,8192}={0,2}$/;
const KEY = /^[A-Za-z0-9+/]{43}=$/;

const opened = z.object({ data: z.object({ plaintext: z.string().regex(KEY) }) });
const made = z.object({
  data: z.object({ plaintext: z.string().regex(KEY), ciphertext: z.string().regex(CIPHERTEXT) }),
});

const REASONS: Readonly<Record<number, string>> = {
  400: 'it does not open what it was given: is it the same Transit key?',
  403: 'it refuses the token: its policy must allow datakey/plaintext and decrypt',
  404: 'it knows no Transit at this mount, or no such key',
  429: 'it is a standby, or limits us',
  473: 'it is a standby',
  503: 'it is sealed or in maintenance',
};

/**
 * The Transit engine of HashiCorp Vault (or OpenBao) as keeper of the master key: it makes a key and gives it open and
 * wrapped; the wrapped form is kept in the database, and only Transit opens it again.
 *
 * No error carries the token or what was answered.
 *
 * @see https://developer.hashicorp.com/vault/api-docs/secret/transit
 */
export function transitProvider(config: TransitConfig, timeoutMs: number = TIMEOUT_MS): MasterKeyProvider {
  const root = `${config.address.replace(/\/+$/, '')}/v1/${config.mount}`;

  async function ask<Schema extends z.ZodType>(path: string, body: object, schema: Schema): Promise<z.output<Schema>> {
    const headers = headersOf(config);
    let status: number;
    let text: string;
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const init = { method: 'POST', headers, body: JSON.stringify(body), redirect: 'error', signal } as const;
      const response = await fetch(`${root}/${path}/${encodeURIComponent(config.key)}`, init);
      status = response.status;
      text = await textOf(response);
    } catch (error) {
      throw away(reasonOf(error));
    }
    if (status !== 200) throw away(REASONS[status] ?? `it answers ${status}`);
    const answer = schema.safeParse(jsonOf(text));
    if (!answer.success) throw away('it answers something else than a key');
    return answer.data;
  }

  async function open(wrapped: Uint8Array): Promise<Secret<Buffer>> {
    const ciphertext = Buffer.from(wrapped).toString('latin1');
    if (!CIPHERTEXT.test(ciphertext)) throw vaultFault('VAULT_MASTER_KEY', { reason: 'it was not wrapped by Transit' });
    const { data } = await ask('decrypt', { ciphertext }, opened);
    return createSecret(Buffer.from(data.plaintext, 'base64'));
  }

  return {
    kind: 'transit',
    held: () => [],
    make: async () => {
      const { data } = await ask('datakey/plaintext', { bits: 256 }, made);
      const bytes = Buffer.from(data.plaintext, 'base64');
      const wrapped = Buffer.from(data.ciphertext, 'latin1');
      const again = await open(wrapped); // a policy may let us make keys and not open them: better known now than at the next start
      if (!again.reveal().equals(bytes)) throw away('it opens another key than it has made');
      return { bytes: createSecret(bytes), wrapped };
    },
    open,
    settle: () => undefined,
    explainLack: () => 'Transit holds another key than the one that this database was sealed under',
  };
}

const away = (reason: string): Error => vaultFault('VAULT_PROVIDER_AWAY', { provider: 'transit', reason });

function headersOf({ token, tokenFile, namespace }: TransitConfig): Record<string, string> {
  const text = token?.reveal() ?? (tokenFile === undefined ? '' : readToken(tokenFile));
  if (!TOKEN.test(text)) throw away('its token is empty, or holds what no token holds');
  return {
    'content-type': 'application/json',
    'x-vault-token': text,
    'x-vault-request': 'true', // an agent that listens on a local port demands it, against forged requests
    ...(namespace === undefined ? {} : { 'x-vault-namespace': encodeURI(namespace) }),
  };
}

/** Anew at each call: an agent renews it. */
function readToken(file: string): string {
  try {
    return statSync(file).size > MOST_TOKEN_BYTES ? '' : readFileSync(file, 'utf8').trim();
  } catch {
    throw away(`the token file ${file} cannot be read`);
  }
}

/** Read up to a limit, whatever length is claimed. */
async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MOST_ANSWER_BYTES) throw new RangeError('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** In our own words: those of an error may hold an address with a password in it. */
function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return 'it answers too much';
  if (error instanceof Error && error.name === 'TimeoutError') return 'it does not answer in time';
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? ` (${cause.code})` : '';
  return `it cannot be reached${code}`;
}
