/** What became of one attempt. A reason is a short code, never what the other side wrote. */
export type Outcome =
  | { readonly kind: 'sent'; readonly status?: number | undefined }
  | {
      readonly kind: 'retry';
      readonly reason: string;
      readonly status?: number | undefined;
      /** The beginning of what a webhook's receiver answered. */
      readonly answer?: string | undefined;
      /** How long the receiver asked us to wait. */
      readonly atLeastMs?: number | undefined;
    }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly status?: number | undefined;
      readonly answer?: string | undefined;
      /** The receiver said that it is no more (410). */
      readonly gone?: true;
    };

const MAX_REASON = 64;

/** Why something failed before there was an answer, as a code: `timeout`, `econnrefused`, `cert_has_expired`. */
export function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return isNamed(signal.reason, 'TimeoutError') ? 'timeout' : 'interrupted';
  for (const one of [error, causeOf(error)]) {
    const code = typeof one === 'object' && one !== null && 'code' in one ? one.code : undefined;
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code)) return code.toLowerCase().slice(0, MAX_REASON);
  }
  return 'not_sent';
}

const isNamed = (value: unknown, name: string): boolean => value instanceof Error && value.name === name;
const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);
