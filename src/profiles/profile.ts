import type { Context, Cors, Face, Route } from '../http/index.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Json } from '../kernel/tx.ts';
import type { LimitRule } from '../limits/index.ts';
import type { CookieNames, Tokens } from '../sessions/index.ts';

/** One limit of a profile; all that concern a request are counted together, and the tightest wins. */
export interface PolicyRule extends LimitRule {
  /** Whose count it is. A `principal` is a person or a key; a `caller` the principal, or the address of nobody known. */
  readonly per: 'address' | 'principal' | 'caller' | 'api-key' | 'tenant';
  /** Counted before anybody is known: a ceiling that no credential lifts. */
  readonly early?: boolean;
  /** A verified API key is not counted here: its own rule stands instead (E10). */
  readonly replacedByKey?: boolean;
}

/** What a profile is told of what happens in it, for logs of its own form. */
export interface Observer {
  /** Every request, answered. */
  access(event: { readonly context: Context; readonly caller: Principal; readonly status: number }): void;
  /** A sign-in, or a credential that was refused. */
  authentication(event: {
    readonly context: Context;
    readonly action: string;
    readonly user: string | undefined;
    readonly success: boolean;
    readonly facts?: Readonly<Record<string, Json>>;
  }): void;
  violation(type: string, details: Readonly<Record<string, Json>>): void;
  configurationChange(event: {
    readonly user: string;
    readonly component: string;
    readonly oldValue: string;
    readonly newValue: string;
  }): void;
}

/** Where a request that a cookie speaks for must also say what only a page of ours can know. */
export interface CsrfPolicy {
  /** With every change. */
  readonly always: boolean;
  /** With forms, whatever holds for other changes: any page may send them without being asked. */
  readonly forms: boolean;
}

/** A profile that is served: how it speaks, whose tokens it takes, what it counts, and its routes. */
export interface ServedProfile {
  readonly name: string;
  /** The host it is mounted at, and the prefix of its paths; everywhere without them. */
  readonly host: string | undefined;
  readonly prefix: string;
  readonly face: Face;
  readonly cors: Cors;
  readonly tokens: Tokens;
  /** What its cookies are called, where its tokens come by cookie too. */
  readonly cookies?: CookieNames | undefined;
  /** With every change unless told. */
  readonly csrf?: CsrfPolicy | undefined;
  readonly rules: readonly PolicyRule[];
  /** Whether a blocked address is refused before anything else, whoever asks from there (E15). */
  readonly blocksFirst?: boolean | undefined;
  readonly routes: readonly Route[];
  readonly observer?: Observer | undefined;
  /** Writes what the profile brings along, once in a process, when all of its configuration is known to be good. */
  start?(): Promise<void>;
  /** Writes out what it has gathered. */
  close?(): Promise<void>;
}
