/** Ways to answer for a second factor. */
export type Method = 'passkey' | 'totp' | 'backup' | 'email' | 'sms';

/** One way that a sign-in can go on by. */
export interface Offered {
  readonly method: Method;
  readonly factor_id?: string;
  /** `+49…56`, `a…@b.example`. */
  readonly hint?: string;
}

/** What a step of a sign-in came to. */
export type SignInStep =
  | {
      readonly kind: 'signed-in';
      /** Shown this once, where the first second factor was set up on the way. */
      readonly backupCodes?: readonly string[];
    }
  | {
      readonly kind: 'second-factor';
      readonly ticket: string;
      readonly expiresInS: number;
      readonly methods: readonly Offered[];
    }
  | {
      readonly kind: 'enrol';
      readonly ticket: string;
      readonly expiresInS: number;
      readonly methods: readonly Method[];
    };

/** A code on its way, or what a passkey has to sign. */
export interface Challenge {
  readonly hint?: string;
  readonly expires_in?: number;
  readonly passkey?: Readonly<Record<string, unknown>>;
}

/** A second factor that is being set up. */
export interface Enrolling {
  readonly factor_id: string;
  readonly secret?: string;
  readonly uri?: string;
  /** PNG in base64. */
  readonly qr_code?: string;
  readonly hint?: string;
  readonly passkey?: Readonly<Record<string, unknown>>;
}

/** Who is signed in, as `GET /v1/me` tells. */
export interface Me {
  readonly kind: string;
  readonly id: string;
  readonly username: string | null;
  readonly tenant: string;
  readonly permissions: readonly string[];
  readonly session: string | null;
}

/** A live session, as `GET /v1/sessions` tells. */
export interface SessionInfo {
  readonly id: string;
  readonly current: boolean;
  readonly started_at: string;
  readonly last_used_at: string;
  readonly expires_at: string;
  readonly device: string | null;
  readonly address: string | null;
  readonly place: string | null;
}

/** A passkey that was registered. */
export interface Passkey {
  readonly id: string;
  readonly label: string;
  readonly keeper: string | null;
  readonly transports: readonly string[];
  readonly backed_up: boolean;
  readonly created_at: string;
  /** Shown this once, where it is the first second factor. */
  readonly backup_codes?: readonly string[];
}
