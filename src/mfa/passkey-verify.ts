import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';
import { decodeBase64url } from '../crypto/index.ts';
import type { RelyingParty } from './passkey-party.ts';

/** The signatures that are taken, the shortest keys first: EdDSA, ES256, ES384, ES512, RS256. @see RFC 9053 §2 */
export const ALGORITHMS: readonly number[] = [-8, -7, -35, -36, -257];

/** @see WebAuthn Level 3 §4: a credential id has at most 1,023 bytes */
const MAX_ID_CHARS = 1_364;

const base64url = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => decodeBase64url(text) !== undefined, 'must be base64url without padding');

const head = { id: base64url(MAX_ID_CHARS), rawId: base64url(MAX_ID_CHARS), type: z.literal('public-key') };

/** What `PublicKeyCredential.toJSON()` gives after `create`; members that are not looked at may be there. */
export const registrationResponse = z.object({
  ...head,
  response: z.object({
    clientDataJSON: base64url(4_096),
    attestationObject: base64url(65_536),
    transports: z.array(z.string().max(32)).max(16).optional(),
  }),
});

/** What `PublicKeyCredential.toJSON()` gives after `get`. */
export const authenticationResponse = z.object({
  ...head,
  response: z.object({
    clientDataJSON: base64url(4_096),
    authenticatorData: base64url(8_192),
    signature: base64url(8_192),
    userHandle: base64url(128).nullish(),
  }),
});

export type RegistrationAnswer = z.output<typeof registrationResponse>;
export type AuthenticationAnswer = z.output<typeof authenticationResponse>;

/** What an answer is held against. */
export interface Expected {
  readonly party: RelyingParty;
  readonly challenge: string;
  /** Whether the authenticator must have known its person, by a finger, a face or a PIN. */
  readonly userVerified: boolean;
}

export interface NewCredential {
  readonly credentialId: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly counter: number;
  readonly aaguid: string;
  readonly backedUp: boolean;
  readonly userVerified: boolean;
}

export interface Assertion {
  readonly counter: number;
  readonly backedUp: boolean;
  readonly userVerified: boolean;
}

/** The challenge that an answer says it is of; what says nothing of the kind is no answer. */
export function challengeOf(clientDataJson: string): string | undefined {
  return clientData.safeParse(jsonOf(clientDataJson)).data?.challenge;
}

/**
 * Reads a new credential. We ask for no attestation, so a statement that comes nevertheless is dropped unread: its
 * chains of certificates can name addresses of lists to fetch, and the library would go there.
 *
 * @returns undefined for an answer that is not to this, or not whole
 * @see WebAuthn Level 3 §7.1
 */
export async function readRegistration(
  answer: RegistrationAnswer,
  { party, challenge, userVerified }: Expected,
): Promise<NewCredential | undefined> {
  if (!isOfOurPage(answer.response.clientDataJSON, party)) return undefined;
  const library = await import('@simplewebauthn/server');
  try {
    const { verified, registrationInfo } = await library.verifyRegistrationResponse({
      response: { ...withoutStatement(await authDataOf(answer), answer), clientExtensionResults: {} },
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: userVerified,
      supportedAlgorithmIDs: [...ALGORITHMS],
    });
    if (!verified || registrationInfo.credential.id !== answer.id) return undefined; // an id that another part denies
    const { credential, aaguid, credentialBackedUp } = registrationInfo;
    return {
      credentialId: credential.id,
      publicKey: credential.publicKey,
      counter: credential.counter,
      aaguid,
      backedUp: credentialBackedUp,
      userVerified: registrationInfo.userVerified,
    };
  } catch {
    return undefined; // whatever is wrong with it, the library throws, also over its own feet in hostile CBOR
  }
}

/**
 * Checks the signature of a credential, and that it is of our page, for our domain and over this challenge. The
 * counter is the caller's to compare, in the write that stores it.
 *
 * @returns undefined for an answer that proves nothing
 * @see WebAuthn Level 3 §7.2
 */
export async function readAssertion(
  answer: AuthenticationAnswer,
  publicKey: Uint8Array<ArrayBuffer>,
  { party, challenge, userVerified }: Expected,
): Promise<Assertion | undefined> {
  if (!isOfOurPage(answer.response.clientDataJSON, party)) return undefined;
  const library = await import('@simplewebauthn/server');
  if (!(await isOneSpelling(answer.response.signature, publicKey))) return undefined;
  const { userHandle: _, ...response } = answer.response; // compared by the caller, who knows the person
  const whole: AuthenticationResponseJSON = { ...answer, response, clientExtensionResults: {} };
  try {
    const { verified, authenticationInfo } = await library.verifyAuthenticationResponse({
      response: whole,
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      credential: { id: answer.id, publicKey, counter: 0 - 1 }, // below any: a counter is compared where it is stored
      requireUserVerification: userVerified,
      ...(party.topOrigins === undefined ? {} : { expectedTopOrigin: [...party.topOrigins] }),
    });
    if (!verified) return undefined;
    const { newCounter, credentialBackedUp } = authenticationInfo;
    return { counter: newCounter, backedUp: credentialBackedUp, userVerified: authenticationInfo.userVerified };
  } catch {
    return undefined; // as above
  }
}

/** ECDSA signatures are two numbers in DER, of which the library reads other spellings too: one answer, many texts. */
async function isOneSpelling(signature: string, publicKey: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const { cose, decodeCredentialPublicKey } = await import('@simplewebauthn/server/helpers');
  if (!cose.isCOSEPublicKeyEC2(decodeCredentialPublicKey(publicKey))) return true;
  const bytes = decodeBase64url(signature) ?? Buffer.alloc(0);
  const long = bytes[1] === 0x81 ? 1 : 0; // P-521 alone needs a length of two bytes
  const body = bytes.subarray(2 + long);
  const isWhole = bytes[0] === 0x30 && bytes[1 + long] === body.length && body.length > 127 === (long === 1);
  const middle = integerEnd(body, 0);
  return isWhole && middle !== undefined && integerEnd(body, middle) === body.length;
}

/** Where a positive INTEGER in its shortest form ends; undefined for anything else. @see ITU-T X.690 §8.3 and §10.1 */
function integerEnd(body: Buffer, at: number): number | undefined {
  const [tag, length = 0, first = 0x80, second = 0] = body.subarray(at);
  const isShortest = first > 0 || (length > 1 && second >= 0x80);
  return tag === 0x02 && length > 0 && length < 128 && first < 0x80 && isShortest ? at + 2 + length : undefined;
}

const clientData = z.object({
  challenge: z.string().min(1).max(256),
  crossOrigin: z.boolean().optional(),
  topOrigin: z.string().optional(),
});

/** Attack: our page in a frame of another, where a click is meant for something else. The library asks only in part. */
function isOfOurPage(clientDataJson: string, { topOrigins = [] }: RelyingParty): boolean {
  const { success, data } = clientData.safeParse(jsonOf(clientDataJson));
  if (!success) return false;
  if (data.crossOrigin !== true) return data.topOrigin === undefined;
  return topOrigins.length > 0 && (data.topOrigin === undefined || topOrigins.includes(data.topOrigin));
}

function jsonOf(base64urlText: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(decodeBase64url(base64urlText)));
  } catch {
    return undefined;
  }
}

async function authDataOf(answer: RegistrationAnswer): Promise<Uint8Array> {
  const { decodeAttestationObject, isoBase64URL } = await import('@simplewebauthn/server/helpers');
  const authData: unknown = decodeAttestationObject(isoBase64URL.toBuffer(answer.response.attestationObject)).get(
    'authData',
  );
  if (!(authData instanceof Uint8Array) || authData.length > 0xffff) throw new TypeError('no authenticator data');
  return authData;
}

/** The same answer with `{ fmt: 'none', attStmt: {}, authData }` as its attestation object. */
function withoutStatement(
  authData: Uint8Array,
  { id, rawId, type, response }: RegistrationAnswer,
): Omit<RegistrationResponseJSON, 'clientExtensionResults'> {
  const none = Buffer.from([
    ...[0xa3, 0x63, ...Buffer.from('fmt'), 0x64, ...Buffer.from('none')],
    ...[0x67, ...Buffer.from('attStmt'), 0xa0, 0x68, ...Buffer.from('authData'), 0x59, authData.length >> 8],
    authData.length & 0xff,
  ]);
  const attestationObject = Buffer.concat([none, authData]).toString('base64url');
  return { id, rawId, type, response: { clientDataJSON: response.clientDataJSON, attestationObject } };
}
