const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const PREFIX = 'age-secret-key-';

/** The age identity of an X25519 key: `AGE-SECRET-KEY-1…`. @param scalar 32 bytes @see BIP 173 (bech32) */
export function identityOfScalar(scalar: Uint8Array): string {
  if (scalar.length !== 32) throw new TypeError('an age identity is made of 32 bytes');
  const words = fiveBits(scalar);
  const sum = checksum([...words, 0, 0, 0, 0, 0, 0]);
  const tail = Array.from({ length: 6 }, (_, index) => (sum >>> (5 * (5 - index))) & 31);
  const text = [...words, ...tail].map((word) => ALPHABET[word]).join('');
  return `${PREFIX}1${text}`.toUpperCase();
}

/** Who can be sealed for that this identity opens: `age1…`. @throws Error for what is no identity */
export async function recipientOf(identity: string): Promise<string> {
  const { identityToRecipient } = await import('age-encryption'); // sixty files, so on first use
  return identityToRecipient(identity);
}

function fiveBits(bytes: Uint8Array): readonly number[] {
  const words: number[] = [];
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; ) {
      bits -= 5;
      words.push((held >>> bits) & 31);
    }
  }
  if (bits > 0) words.push((held << (5 - bits)) & 31);
  return words;
}

function checksum(words: readonly number[]): number {
  const codes = [...PREFIX].map((letter) => letter.charCodeAt(0));
  const all = [...codes.map((code) => code >>> 5), 0, ...codes.map((code) => code & 31), ...words];
  let sum = 1;
  for (const word of all) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ word;
    for (const [bit, generator] of GENERATOR.entries()) if ((top >>> bit) & 1) sum ^= generator;
  }
  return sum ^ 1;
}
