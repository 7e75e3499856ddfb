import type { ApiKeyId, EpochMs, PersonId, RealmId, RequestId, SessionId, TenantId } from './brand.ts';

/** A person acting through a live session. Rights are not part of it: they are read at each question. */
export interface PersonPrincipal {
  readonly kind: 'person';
  readonly personId: PersonId;
  readonly sessionId: SessionId;
  readonly realmId: RealmId;
  readonly tenantId: TenantId;
  readonly username: string;
  /** When the person last proved who they are. */
  readonly authenticatedAt: EpochMs;
}

/** A machine acting through an API key, always within one tenant. */
export interface ApiKeyPrincipal {
  readonly kind: 'api-key';
  readonly apiKeyId: ApiKeyId;
  readonly tenantId: TenantId;
  readonly scopes: readonly string[];
}

/** Whoever may open the data folder's own socket (mode 0600): the owner of the process. */
export interface OperatorPrincipal {
  readonly kind: 'operator';
  readonly tenantId: TenantId;
}

export interface AnonymousPrincipal {
  readonly kind: 'anonymous';
}

export type KnownPrincipal = PersonPrincipal | ApiKeyPrincipal | OperatorPrincipal;
export type Principal = KnownPrincipal | AnonymousPrincipal;

export const anonymous: AnonymousPrincipal = { kind: 'anonymous' };

/** The name of a principal in logs and audit entries: an opaque id, never a personal name. */
export function nameOf(principal: Principal): string {
  switch (principal.kind) {
    case 'person':
      return `person:${principal.personId}`;
    case 'api-key':
      return `api-key:${principal.apiKeyId}`;
    case 'operator':
    case 'anonymous':
      return principal.kind;
  }
}

/** Whoever acts, and how the request came: spread into every audit entry of the act. */
export interface Actor {
  readonly principal: Principal;
  readonly tenantId?: TenantId | undefined;
  readonly requestId?: RequestId | undefined;
  readonly address?: string | undefined;
}
