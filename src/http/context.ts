import type { IncomingHttpHeaders } from 'node:http';
import type { EpochMs, RequestId, TenantId } from '../kernel/brand.ts';
import type { Actor, Principal } from '../kernel/principal.ts';

/** What is known of a request before anything of it is believed. */
export interface Context {
  readonly requestId: RequestId;
  readonly receivedAt: EpochMs;
  /** The client's address as far as trusted proxies tell; IPv4 in its own form, never as mapped IPv6. */
  readonly address: string;
  /** The block that limits and blocks count by: the IPv4 address, or the /64 of an IPv6 one. */
  readonly addressBlock: string;
  /** True over TLS, our own or a trusted proxy's. */
  readonly secure: boolean;
  /** Whether the server runs as in production: then cookies go over TLS alone, seen by us or not. */
  readonly production?: boolean | undefined;
  /** True when the request came over the data folder's own socket. */
  readonly operator: boolean;
  readonly method: string;
  /** As received, byte for byte. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** Who acts, for the audit entries of what a request does. */
export const actorOf = (
  { requestId, address }: Pick<Context, 'requestId' | 'address'>,
  principal: Principal,
  tenantId?: TenantId,
): Actor => ({ principal, tenantId, requestId, address });
