import type { Trick } from './decode.ts';

/** What each looks like where it stands in a text as it came. */
const SIGNS: Readonly<Record<Trick, RegExp>> = {
  overlong: /%c[01](?:%|\.)|%e0%[89ab]|%f0%80|%f8%80|%fc%80|%%3|%%4|%%6/i,
  'overlong-twice': /%c[01]%|%e0%[89ab]|%f0%80/i,
  overlongs: /%c[01]%|%e0%[89ab]|%f0%80/i,
  layers: /%25(?:25)*[0-9a-f]{2}|%5cu[0-9a-f]{4}|%5cx[0-9a-f]{2}|%26(?:%23|#|amp)|&amp;(?:#|[a-z]{2,6};)|\\u005c/i,
  'full-width': /[\uff01-\uff5e\ufe50-\ufe6f]|\ud835|%ef%b[cd]%|%f0%9d%|\\uff[0-5]|%uff[0-5]|&#(?:x0*ff|65[2-3])/i,
  null: /\0|%00|\\0|\\x00|\\u0000|&#x?0+;?/i,
  'percent-u': /%u[0-9a-f]{4}/i,
};
const BEFORE = 30;
const MAX_EVIDENCE = 120;

/** The part of a text in which a trick stands, with a little before it; its beginning where it is hidden deeper. */
export function trickEvidence(trick: Trick, text: string): string {
  const at = Math.max(0, text.search(SIGNS[trick]) - BEFORE);
  return text.slice(at, at + MAX_EVIDENCE);
}
