import 'reflect-metadata'; // which the next asks for, and must be there first
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

export type KeyType = 'rsa-4096' | 'p-256' | 'ed25519';

/** A certificate and the private key of it, as PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface PairWish {
  readonly type: KeyType;
  /** Names and addresses of the server; the first is its common name. */
  readonly hosts: readonly [string, ...string[]];
  readonly lifeMs: number;
  readonly now: number;
}

/** What one certificate is for. */
type Role = 'server' | 'client' | 'authority';

interface Made extends Pair {
  readonly parsed: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

const ALGORITHMS = {
  'rsa-4096': {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: 4_096,
  },
  'p-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  ed25519: { name: 'Ed25519' },
} as const;

const BACKDATED_MS = 300_000; // clocks of clients are not all right

/** A certificate of a server that vouches for itself. */
export const makeOwn = (wish: PairWish): Promise<Pair> => make(wish, 'server', commonName(wish.hosts[0]));

/** An authority of one's own, and a pair for each side under it. Nobody keeps more than they need: three keys. */
export async function makeSet(
  wish: PairWish,
): Promise<{ readonly ca: Pair; readonly server: Pair; readonly client: Pair }> {
  const ca = await make(wish, 'authority', 'Twinkeep own authority');
  const server = await make(wish, 'server', commonName(wish.hosts[0]), ca);
  return { ca, server, client: await make(wish, 'client', 'Twinkeep client', ca) };
}

const commonName = (host: string): string => host.slice(0, 64); // as long as X.520 lets it be

async function make(wish: PairWish, role: Role, name: string, issuer?: Made): Promise<Made> {
  const algorithm = ALGORITHMS[wish.type];
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  if (!('privateKey' in keys)) throw new TypeError('an algorithm of signatures makes a pair of keys');
  const subject = [{ CN: [name] }];
  const parsed = await X509CertificateGenerator.create({
    subject,
    issuer: issuer?.parsed.subject ?? subject,
    notBefore: new Date(wish.now - BACKDATED_MS),
    notAfter: new Date(wish.now + wish.lifeMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    extensions: await extensionsOf(wish, role, keys, issuer),
  });
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    parsed,
    keys,
    certificate: `${parsed.toString('pem')}\n`,
    key: `${PemConverter.encode(der, 'PRIVATE KEY')}\n`,
  };
}

/** @see RFC 5280 §4.2.1 */
async function extensionsOf(
  { hosts, type }: PairWish,
  role: Role,
  keys: webcrypto.CryptoKeyPair,
  issuer: Made | undefined,
): Promise<Extension[]> {
  const common = [
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create((issuer?.keys ?? keys).publicKey),
  ];
  if (role === 'authority') {
    const usage = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
    return [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(usage, true), ...common];
  }
  const signing = KeyUsageFlags.digitalSignature;
  const usage = type === 'rsa-4096' && role === 'server' ? signing | KeyUsageFlags.keyEncipherment : signing;
  const purpose = role === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
  const names = hosts.map((value): JsonGeneralName => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }));
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(usage, true),
    new ExtendedKeyUsageExtension([purpose]),
    ...(role === 'server' ? [new SubjectAlternativeNameExtension(names)] : []),
    ...common,
  ];
}
