import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { type ByteReader, createByteReader } from './archive-bytes.ts';
import { backupFault } from './errors.ts';

export { identityOfScalar, recipientOf } from './age-identity.ts';

const CHUNK = 65_536;
const TAG = 16;
const NONCE = 16;
const MAX_HEADER = 65_536; // forty recipients of the largest kind
const CIPHER = 'chacha20-poly1305';

/**
 * Seals a stream in the age format, which the `age` command opens. The header is made by npm `age-encryption`; the
 * payload by Node's own ChaCha20-Poly1305, which is seven to ten times as fast.
 *
 * @param recipients `age1…`, at least one; each of them alone opens it
 * @see https://c2sp.org/age
 */
export async function* encryptAge(
  recipients: readonly string[],
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { header, fileKey, nonce } = await makeHeader(recipients);
  yield header;
  yield nonce;
  const key = payloadKey(fileKey, nonce);
  const reader = createByteReader(source);
  try {
    for (let counter = 0, last = false; !last; counter += 1) {
      const plain = await reader.take(CHUNK);
      last = await reader.ended();
      const cipher = createCipheriv(CIPHER, key, nonceOf(counter, last), { authTagLength: TAG });
      const body = cipher.update(plain);
      cipher.final();
      yield body;
      yield cipher.getAuthTag();
    }
  } finally {
    await reader.close();
  }
}

/**
 * Opens a stream in the age format. No byte of a chunk is handed out before its tag has held; an end that was cut off
 * or added to is found out at the end.
 *
 * @param identities `AGE-SECRET-KEY-1…`, tried one after the other
 * @throws BACKUP_UNREADABLE
 */
export async function* decryptAge(
  identities: readonly string[],
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const reader = createByteReader(source);
  try {
    const fileKey = await openHeader(identities, await readHeader(reader));
    const nonce = await reader.take(NONCE);
    if (nonce.length < NONCE) throw unreadable('it ends in its header');
    const key = payloadKey(fileKey, nonce);
    for (let counter = 0, last = false; !last; counter += 1) {
      const sealed = await reader.take(CHUNK + TAG);
      last = await reader.ended();
      const plain = openChunk(key, sealed, counter, last);
      // An empty chunk may only be the whole of an empty file: there is one way to write each.
      if (plain.length === 0 && counter > 0) throw unreadable('its last chunk is empty');
      yield plain;
    }
  } finally {
    await reader.close();
  }
}

/** The package draws the keys; of what it makes out of nothing only the header is taken. */
async function makeHeader(recipients: readonly string[]) {
  if (recipients.length === 0) throw new TypeError('a backup needs a recipient');
  const { Encrypter } = await import('age-encryption'); // sixty files, so on first use
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  let fileKey: Uint8Array = new Uint8Array();
  encrypter.addRecipient({
    wrapFileKey: (key) => {
      fileKey = Uint8Array.from(key);
      return [];
    },
  });
  const file = await encrypter.encrypt(new Uint8Array());
  const end = file.length - TAG; // its payload is a tag over nothing, which nobody ever sees
  return { header: file.subarray(0, end - NONCE), nonce: file.subarray(end - NONCE, end), fileKey };
}

async function readHeader(reader: ByteReader): Promise<Buffer> {
  const lines: Buffer[] = [];
  for (let left = MAX_HEADER; ; ) {
    const line = await reader.line(left);
    if (line === undefined) throw unreadable('it has no age header');
    if (lines.length === 0 && line.toString('latin1') !== 'age-encryption.org/v1')
      throw unreadable('it is no age file');
    lines.push(line, Buffer.from('\n'));
    left -= line.length + 1;
    if (line.subarray(0, 4).toString('latin1') === '--- ') return Buffer.concat(lines);
  }
}

async function openHeader(identities: readonly string[], header: Buffer): Promise<Uint8Array> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  try {
    return await decrypter.decryptHeader(header);
  } catch (error) {
    const sealedForOthers = error instanceof Error && error.message.startsWith('no identity matched');
    throw unreadable(sealedForOthers ? 'none of the keys given opens it' : 'its header is damaged', error);
  }
}

function openChunk(key: Buffer, sealed: Buffer, counter: number, last: boolean): Buffer {
  if (sealed.length < TAG) throw unreadable('it was cut off');
  const body = sealed.subarray(0, -TAG);
  const cipher = createDecipheriv(CIPHER, key, nonceOf(counter, last), { authTagLength: TAG });
  cipher.setAuthTag(sealed.subarray(-TAG));
  const plain = cipher.update(body);
  try {
    cipher.final();
    return plain;
  } catch (error) {
    throw unreadable(`it was altered or cut off at chunk ${counter}`, error);
  }
}

const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): Buffer =>
  Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));

/** Eleven bytes of counter, and one that tells the last chunk. */
function nonceOf(counter: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(counter, 5, 6); // 2^48 chunks are more than any disk holds
  nonce[11] = last ? 1 : 0;
  return nonce;
}

const unreadable = (reason: string, cause?: unknown) => backupFault('BACKUP_UNREADABLE', { reason }, cause);
