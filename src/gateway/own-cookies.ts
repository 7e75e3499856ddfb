/** Cookies that are ours alone: back ends neither see nor set them. */
export interface OwnCookies {
  /** @param pair of a `Cookie` header, or a whole `Set-Cookie` */
  has(pair: string): boolean;
  /** Whether one may be among several; never false where one is. */
  mayHave(pairs: string): boolean;
}

/** What stands before a name can't be part of it, and servers that spell names in another way exist. */
const PREFIX = '^[\\s=]*(?:__host-|__secure-)?';
const NATIVE = 'tk_';

/** @param names of the profiles' cookies, beside all that begin with `tk_` */
export function createOwnCookies(names: readonly string[]): OwnCookies {
  const others = [...new Set(names)].map((name) => name.replace(/[^\w-]/g, '\\$&'));
  const whole = others.length === 0 ? '' : `|(?:${others.join('|')})(?=[\\s=;]|$)`;
  const own = new RegExp(`${PREFIX}(?:${NATIVE}${whole})`, 'i');
  const somewhere = new RegExp([NATIVE, ...others].join('|'), 'i');
  return { has: (pair) => own.test(pair), mayHave: (pairs) => somewhere.test(pairs) };
}
