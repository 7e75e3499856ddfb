import { ClientError, isProblem } from './client-error.ts';
import { here } from './environment.ts';

/** Members of the options and answers of WebAuthn that are bytes in the browser and base64url in JSON. */
const BYTES_IN = new Set(['challenge', 'id']);

/** Asks the browser for a new passkey. @param options as the server gave them. @throws ClientError, and what the browser throws */
export const createCredential = (options: unknown, signal?: AbortSignal): Promise<unknown> =>
  asked('create', options, signal);

/** Asks the browser to sign in with a passkey. */
export const getCredential = (options: unknown, signal?: AbortSignal): Promise<unknown> =>
  asked('get', options, signal);

async function asked(what: 'create' | 'get', options: unknown, signal: AbortSignal | undefined): Promise<unknown> {
  const credentials = here.navigator?.credentials;
  if (credentials === undefined)
    throw new ClientError(0, 'CLIENT_NO_PASSKEYS', 'this browser offers no passkeys on this page');
  if (!isProblem(options)) throw new ClientError(0, 'CLIENT_ANSWER', 'the server sent no options for a passkey');
  const wish = { publicKey: withBytes(options), ...(signal === undefined ? {} : { signal }) };
  const credential = await credentials[what](wish);
  return credentialJson(credential);
}

/** Options as JSON, with bytes where the browser wants them. */
function withBytes(options: Readonly<Record<string, unknown>>): object {
  const walk = (value: unknown, name: string, within: string): unknown => {
    // `rp.id` is a domain; `user.id` and those of credentials are bytes
    if (typeof value === 'string') return BYTES_IN.has(name) && within !== 'rp' ? bytesOf(value) : value;
    if (Array.isArray(value)) return value.map((item) => walk(item, name, within));
    if (!isProblem(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner, key, name)]));
  };
  return Object(walk(options, '', ''));
}

const RESPONSE = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'];

/** What `toJSON` of newer browsers gives, of as much as the server reads. */
function credentialJson(credential: unknown): object {
  if (typeof credential !== 'object' || credential === null)
    throw new ClientError(0, 'CLIENT_NO_PASSKEYS', 'the browser gave no passkey');
  const response: unknown = Reflect.get(credential, 'response');
  const given: Record<string, unknown> = {};
  for (const name of RESPONSE) {
    const value: unknown = Reflect.get(Object(response), name);
    if (value instanceof ArrayBuffer) given[name] = textOf(value);
  }
  const transports: unknown = Reflect.get(Object(response), 'getTransports');
  if (typeof transports === 'function') given['transports'] = transports.call(response);
  const id: unknown = Reflect.get(credential, 'id');
  return { id, rawId: id, type: 'public-key', response: given, clientExtensionResults: {} };
}

function bytesOf(text: string): ArrayBuffer {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0)).buffer;
}

function textOf(buffer: ArrayBuffer): string {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join('');
  return btoa(plain).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
