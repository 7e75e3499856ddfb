import type { Context } from '../../http/index.ts';
import type { TenantId } from '../../kernel/brand.ts';
import type { Method } from '../../mfa/index.ts';
import type { Posture } from '../../posture/index.ts';

/** What the status of the security says of the whole server. */
export interface Insight {
  readonly posture: Posture;
  /** Somebody who is known asks for the status: how they came is evidence. */
  noteAsked(by: Pick<Context, 'secure'>): void;
  /** Whether clients reach the server by TLS. */
  readonly tls: boolean;
  encryption(tenant: TenantId): Promise<{
    readonly algorithm: string;
    readonly currentVersion: string;
    readonly rotationNeeded: boolean;
  }>;
  /** Of what sessions rest upon. `redis` is its version, or says that there is none. */
  sessionHealth(): Promise<{ readonly status: 'healthy' | 'degraded' | 'unhealthy'; readonly redis: string }>;
  /** The second factors that can be had here now. */
  methods(): readonly Method[];
}
