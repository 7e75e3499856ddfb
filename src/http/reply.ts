import type { Readable } from 'node:stream';

/** What a handler answers with. A body of type string or Buffer goes out as it is. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly stream?: Readable;
  /** How many records were read or changed, for the audit entry of a read. */
  readonly records?: number;
  /** What was read, where the route alone doesn't tell: `meter STEEL-01`. An id, never a personal value. */
  readonly object?: string;
}

export const ok = (body: unknown, more: Partial<Reply> = {}): Reply => ({ status: 200, body, ...more });
export const created = (body: unknown, more: Partial<Reply> = {}): Reply => ({ status: 201, body, ...more });
export const nothing: Reply = { status: 204 };
