import { createPrivateKey, constants as crypto, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Flaw } from '../kernel/errors.ts';
import { nameOf } from './environment.ts';
import { appFault } from './errors.ts';
import type { TlsConfig } from './tls-config.ts';

/** What a listener shows and believes, read from files and looked through. */
export interface TlsMaterial {
  readonly context: SecureContextOptions;
  /** The one that is shown, and those behind it. */
  readonly chain: readonly [X509Certificate, ...X509Certificate[]];
}

const MAX_FILE_BYTES = 1_048_576;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Forward secrecy and authenticated encryption alone. @see RFC 9325 §4.2, Mozilla "intermediate" */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/** The first is safe against a quantum computer too, which may come after what was recorded today. */
const GROUPS = 'X25519MLKEM768:X25519:P-256:P-384';

/** @throws CONFIG_INVALID naming each file that is no good, and why */
export function readTlsMaterial(tls: TlsConfig, now: number): TlsMaterial {
  const flaws: Flaw[] = [];
  const read = (key: FileKey): string | undefined => readPem(tls, key, flaws);
  const [cert, key, passphrase] = [read('certFile'), read('keyFile'), read('passphraseFile')?.trimEnd()];
  const [ca, crl] = [read('clientCaFile'), read('clientCrlFile')];
  const chain = cert === undefined ? [] : certificatesOf(cert, 'certFile', flaws);
  const [leaf, ...behind] = chain;
  if (leaf !== undefined) flaws.push(...timeFlaws(leaf, now), ...keyFlaws(leaf, key, passphrase));
  for (const one of ca === undefined ? [] : certificatesOf(ca, 'clientCaFile', flaws))
    if (!one.ca) flaws.push({ at: placeOf('clientCaFile'), reason: `holds ${one.subject}, which is no authority` });
  const context: SecureContextOptions = {
    cert,
    key,
    passphrase,
    ca,
    crl,
    minVersion: `TLSv${tls.minVersion}`,
    ciphers: CIPHERS,
    ecdhCurve: GROUPS,
    honorCipherOrder: true,
    secureOptions: crypto.SSL_OP_NO_RENEGOTIATION, // which a client of 1.2 could ask for again and again
  };
  if (flaws.length === 0) flaws.push(...contextFlaws(context));
  if (leaf === undefined || flaws.length > 0) throw appFault('CONFIG_INVALID', { errors: flaws });
  return { context, chain: [leaf, ...behind] };
}

type FileKey = 'certFile' | 'keyFile' | 'passphraseFile' | 'clientCaFile' | 'clientCrlFile';
const FILE_KEYS: readonly FileKey[] = ['certFile', 'keyFile', 'passphraseFile', 'clientCaFile', 'clientCrlFile'];
const placeOf = (key: FileKey): string => nameOf(['tls', key]);

/** The files that are read, for whoever watches them. */
export const tlsFilesOf = (tls: TlsConfig): readonly string[] =>
  FILE_KEYS.flatMap((key) => {
    const path = tls[key];
    return path === undefined ? [] : [path];
  });

function readPem(tls: TlsConfig, key: FileKey, flaws: Flaw[]): string | undefined {
  const path = tls[key];
  if (path === undefined) return undefined;
  try {
    const { size } = statSync(path);
    if (size <= MAX_FILE_BYTES) return readFileSync(path, 'utf8');
    flaws.push({ at: placeOf(key), reason: `names ${path}, which is larger than ${MAX_FILE_BYTES} bytes` });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    flaws.push({ at: placeOf(key), reason: `names ${path}, which cannot be read${code}` });
  }
  return undefined;
}

function certificatesOf(pem: string, key: FileKey, flaws: Flaw[]): readonly X509Certificate[] {
  try {
    const found = parseCertificates(pem);
    if (found.length === 0) flaws.push({ at: placeOf(key), reason: 'holds no certificate in PEM' });
    return found;
  } catch {
    flaws.push({ at: placeOf(key), reason: 'holds a certificate that cannot be read' });
    return [];
  }
}

/** Every certificate of a PEM file, in its order. @throws Error for one that is none */
const parseCertificates = (pem: string): readonly X509Certificate[] =>
  Array.from(pem.matchAll(PEM), ([one]) => new X509Certificate(one));

function timeFlaws(leaf: X509Certificate, now: number): readonly Flaw[] {
  const at = placeOf('certFile');
  if (leaf.validToDate.getTime() <= now)
    return [{ at, reason: `ran out on ${leaf.validToDate.toISOString()}; renew it` }];
  if (leaf.validFromDate.getTime() > now)
    return [
      { at, reason: `is not good before ${leaf.validFromDate.toISOString()}; is the clock of this machine right?` },
    ];
  return [];
}

function keyFlaws(leaf: X509Certificate, key: string | undefined, passphrase: string | undefined): readonly Flaw[] {
  if (key === undefined) return [];
  const at = placeOf('keyFile');
  try {
    if (leaf.checkPrivateKey(createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) }))) return [];
    return [{ at, reason: 'is not the key of the certificate; the two must be from one pair' }];
  } catch {
    const locked = /ENCRYPTED/.test(key);
    const fix = passphrase === undefined ? 'set TWINKEEP_TLS_PASSPHRASE_FILE' : 'its passphrase is another one';
    return [{ at, reason: locked ? `is locked: ${fix}` : 'holds no private key in PEM' }];
  }
}

/** What OpenSSL itself refuses: a key that is too short, a signature by SHA-1, a list that is no CRL. */
function contextFlaws(context: SecureContextOptions): readonly Flaw[] {
  try {
    createSecureContext(context);
    return [];
  } catch (error) {
    const message = error instanceof Error ? error.message : 'it cannot be used';
    const reason = error instanceof Error && 'reason' in error ? String(error.reason) : message;
    return [{ at: 'tls', reason: `is refused by OpenSSL: ${reason}` }];
  }
}

/** What browsers may stumble over in a chain that a server can serve all the same. */
export function chainProblems(chain: readonly X509Certificate[], now: number): readonly string[] {
  const [leaf, ...behind] = chain;
  if (leaf === undefined) return ['there is no certificate'];
  const problems: string[] = [];
  if (leaf.ca) problems.push('the certificate is one of an authority; clients may refuse it as a server');
  if ((leaf.subjectAltName ?? '') === '') problems.push('the certificate names no host (subjectAltName)');
  let before = leaf;
  for (const next of behind) {
    if (!before.checkIssued(next))
      problems.push(`${next.subject} did not issue ${before.subject}: wrong order, or a stranger`);
    if (next.validToDate.getTime() <= now) problems.push(`${next.subject} has run out`);
    before = next;
  }
  const isOwn = leaf.issuer === leaf.subject && leaf.verify(leaf.publicKey);
  if (isOwn) problems.push('the certificate vouches for itself: clients must be told to trust it');
  return problems;
}
