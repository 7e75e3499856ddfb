import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSystemRandom } from '../kernel/random.ts';
import { generateEd25519, importEd25519Private } from './ed25519.ts';
import { isSignedBy, parseNote, signNote } from './signed-note.ts';
import { formatVerifierKey, noteKeyId, parseVerifierKey } from './verifier-key.ts';

// The example of Go's package golang.org/x/mod/sumdb/note.
const VERIFIER_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const SEED = 'AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const SIGNED = `${TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

const random = createSystemRandom();
const own = generateEd25519(random);
const other = generateEd25519(random);
const name = 'example.com/audit';
const text = 'one\n\ntwo ü — three\n';
const signed = signNote(text, own.privateKey, name);

const isOwn = (note: string): boolean => {
  const parsed = parseNote(note);
  return parsed !== undefined && isSignedBy(parsed, own.publicKey, name);
};
const signatureLine = (note: string): string => note.slice(note.lastIndexOf('\n\n') + 2);

test('the note of Go verifies, and signing its text makes the same note', () => {
  const key = parseVerifierKey(VERIFIER_KEY);
  const note = parseNote(SIGNED);
  assert.ok(key && note);
  assert.equal(note.text, TEXT);
  assert.ok(isSignedBy(note, key.publicKey, key.keyName));
  const d = Buffer.from(SEED, 'base64').subarray(1).toString('base64url');
  const x = Buffer.from(VERIFIER_KEY.slice(-44), 'base64').subarray(1).toString('base64url');
  const pair = importEd25519Private({ kty: 'OKP', crv: 'Ed25519', x, d });
  assert.ok(pair);
  assert.equal(signNote(TEXT, pair.privateKey, 'PeterNeumann'), SIGNED);
});

test('a verifier key comes back from its line', () => {
  const line = formatVerifierKey({ keyName: name, publicKey: own.publicKey });
  assert.match(line, /^example\.com\/audit\+[0-9a-f]{8}\+A[A-Za-z0-9+/]{43}$/);
  const key = parseVerifierKey(line);
  assert.equal(key?.keyName, name);
  assert.ok(key?.publicKey.equals(own.publicKey));
  assert.equal(formatVerifierKey(parseVerifierKey(VERIFIER_KEY) ?? assert.fail()), VERIFIER_KEY);
});

test('a verifier key with any character changed is refused', () => {
  for (let at = 0; at < VERIFIER_KEY.length; at += 1) {
    for (const character of ['A', 'b', '0', '+', ' ', '=', '\n', '']) {
      const altered = VERIFIER_KEY.slice(0, at) + character + VERIFIER_KEY.slice(at + 1);
      if (altered !== VERIFIER_KEY) assert.equal(parseVerifierKey(altered), undefined, altered);
    }
  }
});

test('a text with any characters that a note may hold comes back, empty lines and all', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', ' ', '\n', '—', 'ü', '😀', '+', '\u007f') }), (body) => {
      const note = signNote(`${body}\n`, own.privateKey, name);
      assert.equal(parseNote(note)?.text, `${body}\n`);
      assert.ok(isOwn(note));
    }),
  );
});

// Attack: one character of a signed text is changed on its way.
test('a note with any bit flipped is refused', () => {
  const bytes = Buffer.from(signed);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const altered = Buffer.from(bytes);
    altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    assert.equal(isOwn(altered.toString()), false, `bit ${bit}`);
  }
});

test('a note is refused where its form is off by a character', () => {
  const line = signatureLine(signed);
  assert.ok(isOwn(signed));
  for (const note of [
    '',
    '\n',
    '\n\n',
    text,
    `${text}\n`,
    `${text}${line}`,
    signed.slice(0, -1),
    `${signed}\n`,
    signed.replaceAll('\n', '\r\n'),
    signed.replace('— ex', '- ex'),
    signed.replace('— ex', '—  ex'),
    signed.replace('audit ', 'audit  '),
    signed.replace('audit ', 'au\tdit '),
    signed.replace('audit ', 'au+dit '),
    signed.replace('audit ', 'au\u00a0dit '),
    signed.replace('audit ', 'au\u0001dit '),
    signed.replace('audit ', 'au\ud800dit '),
    `${text.replace('two', '\u0000')}\n${line}`,
    `${text.replace('two', '\ud800')}\n${line}`,
    `${text}\n— ${name} AAAA\n`,
    `${text}\n— ${name} AAAAAAB=\n`,
    `${text}\n— ${name} AAAAAA\n`,
    `${text}\n— ${name} \n`,
  ]) {
    assert.equal(isOwn(note), false, JSON.stringify(note));
  }
});

test('signatures of other keys are passed over, under another name as under another id', () => {
  const foreign = signatureLine(signNote(text, other.privateKey, 'witness.example'));
  const sameName = signatureLine(signNote(text, other.privateKey, name));
  const unknownKind = `— x.example ${Buffer.alloc(5_000, 1).toString('base64')}\n`;
  assert.ok(isOwn(signed + foreign));
  assert.ok(isOwn(`${text}\n${foreign}${sameName}${unknownKind}${signatureLine(signed)}`));
  assert.equal(isOwn(`${text}\n${foreign}${sameName}`), false);
});

test('a note is refused whole where the line of another key is malformed', () => {
  const signature = Buffer.alloc(68).toString('base64');
  assert.ok(isOwn(`${signed}— other.example ${signature}\n`));
  assert.ok(isOwn(`${signed}— other.example AAAAAAA=\n`)); // id and one byte
  for (const line of [
    '',
    'other.example',
    `— other.example\t${signature}`,
    `— other+example ${signature}`,
    `— other\u00a0example ${signature}`,
    `— other\u0085example ${signature}`,
    `— other\u0001example ${signature}`,
    `— ${signature}`,
    '— other.example AAAAAA==', // id alone
    '— other.example AAAAAAB=',
    `— other.example ${signature} `,
    `— other.example ${signature.replaceAll('A', '_')}`,
  ]) {
    assert.equal(isOwn(`${signed}${line}\n`), false, JSON.stringify(line));
  }
});

// Attack: a wrong signature stands beside the right one, for verifiers that stop at either.
test('a wrong signature of a known key spoils the note', () => {
  const wrong = signatureLine(signNote('other\n', own.privateKey, name));
  assert.equal(isOwn(signed + wrong), false);
  assert.equal(isOwn(`${text}\n${wrong}${signatureLine(signed)}`), false);
});

test('a note holds at most 100 signatures and a mebibyte', () => {
  const line = signatureLine(signed);
  assert.ok(parseNote(`${text}\n${line.repeat(100)}`));
  assert.equal(parseNote(`${text}\n${line.repeat(101)}`), undefined);
  assert.equal(parseNote(`${'a'.repeat(2 ** 20)}\n\n${line}`), undefined);
});

test('names and texts that a note cannot carry are refused at signing', () => {
  for (const keyName of ['', 'a b', 'a+b', 'a\nb', 'a\u2003b', 'a\u0000b', '\ud800']) {
    assert.throws(() => signNote(text, own.privateKey, keyName), RangeError);
    assert.throws(() => noteKeyId(keyName, own.publicKey), RangeError);
  }
  for (const body of ['', 'no newline', 'tab\t\n', 'nul\u0000\n', '\udc00\n']) {
    assert.throws(() => signNote(body, own.privateKey, name), RangeError);
  }
});
