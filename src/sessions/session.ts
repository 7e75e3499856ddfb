import type { EpochMs, PersonId, RealmId, SessionId, TenantId } from '../kernel/brand.ts';

/** A session as it is stored. */
export interface SessionRow {
  readonly id: SessionId;
  readonly realmId: RealmId;
  readonly personId: PersonId;
  readonly tenantId: TenantId;
  readonly authenticatedAt: EpochMs;
  readonly lastUsedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly device: string | undefined;
  readonly deviceDigest: Uint8Array;
  readonly deviceProved: boolean;
  readonly ended: boolean;
}

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

/** What a sign-in or a refresh gives. @see RFC 6749 §5.1 */
export interface Grant {
  readonly accessToken: string;
  readonly expiresInS: number;
  readonly refreshToken: string;
  readonly sessionId: SessionId;
  /** The device secret, handed out once, at the start. */
  readonly deviceSecret: string | undefined;
}
