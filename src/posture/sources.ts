import type { EpochMs } from '../kernel/brand.ts';

/** Where evidence comes from. What is `undefined` is nothing that a system of this kind has. */
export interface PostureSources {
  readonly settings: () => SettingFacts;
  readonly transport: () => Promise<TransportFacts>;
  readonly defence: () => DefenceFacts;
  readonly keys: () => Promise<KeyFacts>;
  readonly people: () => Promise<PeopleFacts>;
  /** Whether revocations are known up to now, so that tokens may be believed. */
  readonly feedIsFresh: () => boolean;
  readonly log: () => Promise<LogFacts>;
  readonly backups: () => Promise<BackupFacts | undefined>;
}

/** What the configuration says. */
export interface SettingFacts {
  readonly production: boolean;
  /** Whether clients reach it by TLS, as far as its own address says. */
  readonly tls: boolean;
  /** Whether the latest who asked came by TLS, as far as we or a trusted proxy saw; undefined before anybody did. */
  readonly seenTls: boolean | undefined;
  /** `file`, `environment`, `transit` and the like. */
  readonly masterKeyFrom: string;
  readonly limits: boolean;
  /** Shared secrets of profiles that are shorter than they should be, by the names of the profiles. */
  readonly shortSecrets: readonly string[];
  /** Whether any page of any site may call. */
  readonly openCors: boolean;
  readonly sessions: { readonly accessMs: number; readonly absoluteMs: number; readonly maxPerPerson: number };
  readonly leastPassword: number;
}

/** Who speaks TLS, and how. */
export interface TransportFacts {
  /** Whether we do. */
  readonly served: boolean;
  readonly minVersion: string;
  /** Where we do not and the public address says https: whether the proxy that must be there is trusted. */
  readonly behindProxy: 'named' | 'unnamed' | undefined;
  /** Ours; days are undefined where its file cannot be read. */
  readonly certificate: { readonly daysLeft: number | undefined; readonly warnDays: number } | undefined;
  readonly redirectPort: number | undefined;
}

/** How many routes do what about attacks. */
export interface ModeFacts {
  readonly block: number;
  readonly shadow: number;
  readonly off: number;
}

/** What is done about attacks, as the configuration says. */
export interface DefenceFacts {
  /** On our own routes. */
  readonly own: 'off' | 'shadow' | 'block';
  readonly gateway: ModeFacts;
  /** Where other proxies ask. */
  readonly forwardAuth: ModeFacts;
  /** How many addresses, people, keys and devices are never blocked. */
  readonly never: number;
  /** Those of them that are large networks. */
  readonly wide: readonly string[];
}

/** Of all tenants together. */
export interface KeyFacts {
  readonly tenants: number;
  /** Tenants whose key should have been followed by another. */
  readonly overdue: number;
  /** What seals now. */
  readonly algorithms: readonly string[];
  /** Of keys that other systems brought, which are kept to read by. */
  readonly readBy: readonly string[];
}

/** Of those who may administer. */
export interface PeopleFacts {
  readonly administrators: number;
  readonly withSecondFactor: number;
  readonly secondFactorRequired: boolean;
}

/** Of the audit log. */
export interface LogFacts {
  /** The last time that its entries were held against the heads that were signed; undefined until it was done once. */
  readonly looked: { readonly at: EpochMs; readonly entries: number; readonly flaw: string | undefined } | undefined;
  /** Whether what was recorded is under no signed head for long. */
  readonly isBehind: boolean;
}

export interface BackupFacts {
  readonly newestAt: EpochMs | undefined;
  readonly drilledAt: EpochMs | undefined;
  /** What the operator is warned of. */
  readonly warnings: number;
}
