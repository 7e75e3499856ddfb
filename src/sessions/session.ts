import type { EpochMs, PersonId, RealmId, SessionId, TenantId } from '../kernel/brand.ts';

/** A session as it is stored. */
export interface SessionRow {
  readonly id: SessionId;
  readonly realmId: RealmId;
  readonly personId: PersonId;
  readonly tenantId: TenantId;
  /** When it was begun. */
  readonly authenticatedAt: EpochMs;
  /** By a refresh or a request, to within a minute and a few seconds. */
  readonly lastUsedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly device: string | undefined;
  readonly deviceDigest: Uint8Array;
  readonly deviceProved: boolean;
  /** Under whose rules it was begun; its refresh tokens are good there alone. */
  readonly profile: string;
  /** It ends when it isn't used for this long; as configured unless told. */
  readonly idleMs: number | undefined;
  /** Also by the end of all of its tenant's, or of everybody's, whose rows are yet to be marked. */
  readonly ended: boolean;
  readonly amr: readonly string[];
  /** When its person last gave everything that the account asks for; `undefined` where a remembered device stood in. */
  readonly provedAt: EpochMs | undefined;
  readonly secondFactorAt: EpochMs | undefined;
  readonly knownDeviceId: string | undefined;
  /** Of that device's secret, so that the session goes on by it also when the list of devices has no more room for it. */
  readonly knownDigest: Uint8Array | undefined;
}

/** The profile of the native API. */
export const NATIVE_PROFILE = 'twinkeep';

/** A refresh token as it is stored: its digest is the key, the token itself is nowhere. */
export interface RefreshRow {
  readonly sessionId: SessionId;
  readonly expiresAt: EpochMs;
  readonly usedAt: EpochMs | undefined;
  readonly successor: string | undefined;
}

/** Where a session is used, as its owner sees it in the list. */
export interface Device {
  readonly userAgent: string;
  readonly address: string;
}

/** By what a client shows that it is the device of a session: either will do. */
export interface ShownDevice {
  /** What came with the tokens; a later sign-in of the same browser puts its own in the same place. */
  readonly secret: string | undefined;
  /** The secrets that the browser is known by to those who share it. */
  readonly known: string | undefined;
}

/** What a sign-in or a refresh gives. @see RFC 6749 §5.1 */
export interface Grant {
  readonly accessToken: string;
  readonly expiresInS: number;
  /** Absent where the profile has none: its sessions end with their access token. */
  readonly refreshToken: string | undefined;
  readonly sessionId: SessionId;
  /** The device secret, handed out once, at the start, where there is a refresh token to bind to it. */
  readonly deviceSecret: string | undefined;
}
