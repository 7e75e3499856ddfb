/** What a shared secret is worth. A `short` one works, and its owner should be told. */
export type SecretVerdict =
  | { readonly kind: 'good' }
  | { readonly kind: 'short'; readonly bytes: number }
  | { readonly kind: 'refused'; readonly reason: string };

const LEAST_BYTES = 16;
/** @see RFC 7518 §3.2: a key of the same size as the hash output, or larger */
const GOOD_BYTES = 32;
const LEAST_CHARACTERS = 6;
const LEAST_OWN = 8;
/** Words that ask for a secret, which none of random bytes has. */
const ASKS = /change.?me|change.?this|replace.?me|openssl|your.?secret|secret.?key|placeholder/i;

/** What stands in samples, guides and old settings in place of a secret; longer words first. */
const WORDS = [
  ...['abcdefghijklmnopqrstuvwxyz', 'abcdefghijklmnop', 'qwertyuiopasdfghjklzxcvbnm', 'qwertyuiop', 'asdfghjkl'],
  ...[
    '0123456789abcdef',
    '1234567890',
    '0123456789',
    '987654321',
    '12345678',
    '123456',
    '1234',
    'deadbeef',
    'cafebabe',
  ],
  ...['development', 'placeholder', 'replaceme', 'production', 'changethis', 'changeme', 'twinkeep', 'generated'],
  ...[
    'password',
    'passw0rd',
    'passphrase',
    'insecure',
    'authentication',
    'application',
    'environment',
    'generate',
    'signature',
  ],
  ...['example', 'default', 'testing', 'replace', 'sample', 'secret', 'change', 'string', 'random', 'secure', 'please'],
  ...['unsafe', 'should', 'signing', 'access', 'minimum', 'characters', 'least', 'bytes', 'bits', 'length', 'strong'],
  ...[
    'super',
    'token',
    'flask',
    'fastapi',
    'django',
    'digital',
    'twin',
    'energy',
    'enter',
    'insert',
    'before',
    'value',
  ],
  ...['admin', 'prod', 'test', 'your', 'this', 'here', 'with', 'must', 'very', 'long', 'some', 'demo', 'local', 'todo'],
  ...[
    'openssl',
    'rand',
    'hex',
    'base64',
    'precious',
    'keptsafe',
    'kept',
    'safe',
    'allyourbase',
    'that',
    'supersecretkey',
  ],
  ...['jwt', 'key', 'dev', 'the', 'foo', 'bar', 'baz', 'xxx', 'abc', 'not', 'for', 'use', 'app', 'api', 'new', 'set'],
];

/**
 * Tells a secret from what was never one: text too short, of hardly any different characters, or with little left
 * once the words of samples (`your-secret-key`, `change-me-in-production`) are taken out of it.
 */
export function judgeSecret(secret: string): SecretVerdict {
  const bytes = Buffer.byteLength(secret);
  if (bytes < LEAST_BYTES) return { kind: 'refused', reason: `has fewer than ${LEAST_BYTES} bytes` };
  if (new Set(secret).size < LEAST_CHARACTERS) {
    return { kind: 'refused', reason: `has fewer than ${LEAST_CHARACTERS} different characters` };
  }
  if (ownPart(secret).length < LEAST_OWN || ASKS.test(secret))
    return { kind: 'refused', reason: 'is a placeholder, not a secret' };
  return bytes < GOOD_BYTES ? { kind: 'short', bytes } : { kind: 'good' };
}

function ownPart(secret: string): string {
  let rest = secret.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
  for (const word of WORDS) rest = rest.replaceAll(word, '');
  return rest;
}
