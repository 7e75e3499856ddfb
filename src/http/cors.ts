import type { Reply } from './reply.ts';

/** Which pages of other sites may read our answers. */
export interface Cors {
  /** Headers of an answer to that origin, names and values in turn; none where it is not on the list. */
  headersFor(origin: string | undefined): readonly string[];
  /** The answer to a preflight request, whoever asks: without our headers a browser takes it as a no. */
  preflight(origin: string | undefined, methods: string): Reply;
  /** Whether pages of that origin are named, and so may send cookies along. */
  names(origin: string): boolean;
}

const PREFLIGHT_S = 600;
const SENT = 'authorization, content-type, x-api-key, x-csrf-token, x-csrftoken, twinkeep-tenant';
const SHOWN = 'ratelimit, ratelimit-policy, retry-after, x-request-id';

/**
 * Origins are compared as they are, so that `null`, a suffix or another port never passes. With `*` anybody may read,
 * but no browser sends cookies along: the origin is never echoed for it.
 *
 * @param origins `https://app.example`, or `*` alone
 * @see Fetch Standard, "CORS protocol"; OWASP HTML5 Security Cheat Sheet
 */
export function createCors(origins: readonly string[]): Cors {
  const anybody = origins.includes('*');
  const listed = new Set(origins);
  const headersFor = (origin: string | undefined): readonly string[] => {
    if (listed.size === 0) return [];
    if (anybody) return ['access-control-allow-origin', '*', 'access-control-expose-headers', SHOWN];
    const vary = ['vary', 'Origin']; // also to those who are refused, or a cache would give one's answer to another
    if (origin === undefined || origin === 'null' || !listed.has(origin)) return vary;
    const allowed = ['access-control-allow-origin', origin, 'access-control-allow-credentials', 'true'];
    return [...allowed, 'access-control-expose-headers', SHOWN, ...vary];
  };
  return {
    headersFor,
    names: (origin) => origin !== '*' && listed.has(origin),
    preflight: (origin, methods) => {
      const admitted = headersFor(origin).includes('access-control-allow-origin');
      const headers = {
        'access-control-allow-methods': methods,
        'access-control-allow-headers': SENT,
        'access-control-max-age': String(PREFLIGHT_S),
      };
      return { status: 204, ...(admitted ? { headers } : {}) };
    },
  };
}

/** Whether a text is an origin as browsers send it: scheme, host and perhaps a port, nothing behind, and no pattern. */
export function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol } = new URL(text);
  return origin === text && !text.includes('*') && (protocol === 'https:' || protocol === 'http:');
}
