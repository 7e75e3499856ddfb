import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** An authenticator in software, and what it can be made to do wrong. */
export interface Making {
  readonly origin?: string;
  readonly rpId?: string;
  readonly userVerified?: boolean;
  readonly counter?: number;
  readonly type?: string;
  readonly challenge?: string;
  readonly crossOrigin?: boolean;
  readonly userHandle?: string;
  readonly credentialId?: string;
}

export interface SoftAuthenticator {
  readonly credentialId: string;
  create(options: { readonly challenge: string; readonly rp: { readonly id?: string } }, making?: Making): object;
  get(options: { readonly challenge: string; readonly rpId?: string }, making?: Making): object;
}

const ORIGIN = 'https://twin.example';
const b64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url');

type Cbor = number | string | Buffer | Map<number | string, Cbor>;

/** Just as much CBOR as an authenticator needs. @see RFC 8949 §3 */
function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value >= 0 ? headOf(0, value) : headOf(1, -1 - value);
  if (typeof value === 'string') return Buffer.concat([headOf(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Map) {
    const parts = [...value].flatMap(([key, inner]) => [cbor(key), cbor(inner)]);
    return Buffer.concat([headOf(5, value.size), ...parts]);
  }
  return Buffer.concat([headOf(2, value.length), value]);
}

function headOf(major: number, n: number): Buffer {
  if (n < 24) return Buffer.from([(major << 5) | n]);
  if (n < 256) return Buffer.from([(major << 5) | 24, n]);
  return Buffer.from([(major << 5) | 25, n >> 8, n & 0xff]);
}

export function createSoftAuthenticator(kind: 'P-256' | 'Ed25519' = 'P-256'): SoftAuthenticator {
  const { publicKey, privateKey } =
    kind === 'P-256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const credentialId = b64(randomBytes(32));
  let counter = 0;

  function parts(making: Making, type: string, challenge: string, rpId: string) {
    counter = making.counter ?? counter + 1;
    const clientData = Buffer.from(
      JSON.stringify({
        type: making.type ?? type,
        challenge: making.challenge ?? challenge,
        origin: making.origin ?? ORIGIN,
        crossOrigin: making.crossOrigin ?? false,
      }),
    );
    const head = Buffer.alloc(37);
    createHash('sha256')
      .update(making.rpId ?? rpId)
      .digest()
      .copy(head);
    head[32] = 0x01 | (making.userVerified === false ? 0 : 0x04) | (type === 'webauthn.create' ? 0x40 : 0);
    head.writeUInt32BE(counter, 33);
    return { clientData, head };
  }

  return {
    credentialId,
    create: ({ challenge, rp }, making = {}) => {
      const { clientData, head } = parts(making, 'webauthn.create', challenge, rp.id ?? '');
      const id = Buffer.from(making.credentialId ?? credentialId, 'base64url');
      const length = Buffer.from([id.length >> 8, id.length & 0xff]);
      const authData = Buffer.concat([head, Buffer.alloc(16), length, id, coseOf(publicKey)]);
      const attestation = new Map<string, Cbor>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ]);
      return {
        ...{ id: b64(id), rawId: b64(id), type: 'public-key', clientExtensionResults: {} },
        authenticatorAttachment: 'cross-platform',
        response: {
          clientDataJSON: b64(clientData),
          attestationObject: b64(cbor(attestation)),
          transports: ['usb', 'made-up'],
          publicKeyAlgorithm: -7,
        },
      };
    },
    get: ({ challenge, rpId = '' }, making = {}) => {
      const { clientData, head } = parts(making, 'webauthn.get', challenge, rpId);
      const signed = Buffer.concat([head, createHash('sha256').update(clientData).digest()]);
      const signature = sign(kind === 'P-256' ? 'sha256' : null, signed, privateKey);
      const id = making.credentialId ?? credentialId;
      return {
        ...{ id, rawId: id, type: 'public-key', clientExtensionResults: {} },
        response: {
          clientDataJSON: b64(clientData),
          authenticatorData: b64(head),
          signature: b64(signature),
          ...(making.userHandle === undefined ? {} : { userHandle: b64(making.userHandle) }),
        },
      };
    },
  };
}

function coseOf(key: KeyObject): Buffer {
  const { crv, x = '', y = '' } = key.export({ format: 'jwk' });
  const point = Buffer.from(x, 'base64url');
  const okp: [number, Cbor][] = [
    [1, 1],
    [3, -8],
    [-1, 6],
    [-2, point],
  ];
  const ec: [number, Cbor][] = [
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, point],
    [-3, Buffer.from(y, 'base64url')],
  ];
  return cbor(new Map(crv === 'Ed25519' ? okp : ec));
}
