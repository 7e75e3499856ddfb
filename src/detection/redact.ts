/** Words of a name that says of its value that it is a secret. */
const SECRET_WORDS = new Set(
  (
    'auth authorization bearer cert cookie credential credentials csrf cvc cvv hmac jwt kennung kennwort key keys mfa ' +
    'nonce otp pass passcode passphrase passwd password passwords passwort pin pw pwd saml secret secrets session sid sig ' +
    'signature tan token tokens totp xsrf'
  ).split(' '),
);
/** The same where words run together, as in `apikey` and `userpassword`. */
const SECRET_PART =
  /passw|passphrase|passcode|kennwort|secret|token|apikey|credential|authori[sz]ation|privatekey|session/;
/** A code is one by itself, or with such a word beside it: a country's is none. */
const CODE =
  /^code$|(?:^| )(?:access|auth|backup|confirm|confirmation|invite|login|mfa|one|otp|pass|recovery|reset|security|sms|time|totp|verification|verify) code(?: |$)/;
/** A name, and what stands between it and its value. */
const NAME = /([\p{L}\w$-]{1,64})["'\]]{0,2}\s{0,4}(?:=>|[=:])\s{0,4}/gu;
/** A value in its quotes, also where they are cut off; without quotes up to what ends one, for a passphrase has blanks. */
const VALUE = /"(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$)|[^"'&;,)}<>|\n·]*/y;
const PATH_SECRET =
  /(\/(?:activate|activation|confirm|confirmation|invitation|invite|magic|passwordless|recover|recovery|reset|reset-password|token|unsubscribe|verify|verification)\/)[^/?#\s"']+/gi;
const USER_INFO = /(:\/\/)[^/?#\s"']{1,200}@/g;
/** As services begin their keys: `sk_live_…`, `ghp_…`. */
const SERVICE_KEY =
  /\b(?:sk|pk|rk|tk|whsec|ghp|gho|ghu|ghs|github_pat|glpat|xox[abeprs]|npm|pypi|shpat|AKIA|ASIA)[-_]?[\w-]{8,}/g;
const TOKEN = /\b[\w+/=-]{20,}(?:\.[\w+/=-]{10,}){0,2}/g;
const E_MAIL = /[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63})+)/g;
const CARD = /\b\d(?:[ -]?\d){11,18}\b/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/g;
const MAX = 120;

/**
 * What may be told of a text that somebody sent: nothing of a secret field, no tokens, cards or mail addresses, no
 * control characters, and at most 120 characters.
 */
export function redact(at: string, evidence: string): string {
  if (at.split(/[.[\]]/).some(isSecretName)) return '[redacted]';
  const told = withoutNamed(evidence.slice(0, MAX * 2).replace(CONTROL, '·'))
    .replace(PATH_SECRET, '$1[redacted]')
    .replace(USER_INFO, '$1[redacted]@')
    .replace(SERVICE_KEY, '[token]')
    .replace(E_MAIL, '[mail]@$1')
    .replace(CARD, '[number]')
    .replace(TOKEN, (token) => (/\d/.test(token) && /[A-Za-z]/.test(token) ? '[token]' : token));
  return told.length > MAX ? `${told.slice(0, MAX)}…` : told;
}

/** The signs of a text and no word or number of it: tells one attack on a secret from another, and no secret. */
export const shapeOf = (evidence: string): string =>
  evidence
    .slice(0, MAX)
    .replace(/\p{L}+/gu, 'a')
    .replace(/\p{N}+/gu, '1');

/** The values of secret names inside of a text: `"user_pin":"…"`, `?token=…`, `passphrase: …`. */
function withoutNamed(text: string): string {
  let told = '';
  let done = 0;
  for (const { 0: found, 1: name = '', index } of text.matchAll(NAME)) {
    if (index < done || !isSecretName(name)) continue;
    const from = index + found.length;
    VALUE.lastIndex = from;
    const [value = ''] = VALUE.exec(text) ?? [];
    told += `${text.slice(done, from)}[redacted]`;
    done = from + value.length;
  }
  return told + text.slice(done);
}

/** `userPin`, `user_pin`, `user-pin` and `X-PIN` are of the same words. */
function isSecretName(name: string): boolean {
  const words = name
    .replace(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\d]+/u)
    .map((word) => word.replace(/\d+$/, ''))
    .filter((word) => word !== '');
  return words.some((word) => SECRET_WORDS.has(word)) || SECRET_PART.test(words.join('')) || CODE.test(words.join(' '));
}
