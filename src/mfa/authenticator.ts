/** What an authenticator app is told of a secret. */
export interface AppSetup {
  /** Base32, for typing. */
  readonly secret: string;
  /** `otpauth://totp/…` */
  readonly uri: string;
  /** PNG in base64, of the URI. */
  readonly qrCode: string;
}

/** More would not fit into a code that a telephone reads from a screen. */
const MAX_NAME_BYTES = 120;

/** @param account who is shown in the app, beside the issuer; a long one is cut */
export async function appSetup(secret: Uint8Array, issuer: string, account: string): Promise<AppSetup> {
  const [{ Secret, TOTP }, { toBuffer }] = await Promise.all([import('otpauth'), import('qrcode')]);
  const bytes = new ArrayBuffer(secret.byteLength);
  new Uint8Array(bytes).set(secret);
  const key = new Secret({ buffer: bytes });
  const totp = new TOTP({ issuer: shown(issuer), label: shown(account), secret: key });
  const uri = totp.toString();
  const png = await toBuffer(uri, { type: 'png', errorCorrectionLevel: 'M', margin: 2, scale: 4 });
  return { secret: key.base32, uri, qrCode: png.toString('base64') };
}

/** A colon would end the issuer in the apps that read the label alone. */
function shown(name: string): string {
  let kept = '';
  for (const char of name.replaceAll(':', ' ')) {
    if (Buffer.byteLength(kept + char) > MAX_NAME_BYTES) break;
    kept += char;
  }
  return kept;
}
