/** A line of a list that speaks about the lines after it. */
const COMMENT = /^\s*(?:#|\/\/)\s+[A-Za-z][^'"<>;|`$]*$/;
/** Words, numbers and blanks: whoever blocks `select` alone or `ls -la` blocks people. */
const PLAIN = /^[\p{L}\p{N}\s._-]*$/u;
const CLIMBS = /\.\.|\.[a-z]{2,4}$/i;

/** What makes markup do something: without any of it a browser shows the text and runs nothing. */
const LIVE_MARKUP =
  /<\s*\/?\s*(?:[a-z]+:)?(?:script|iframe|frame|frameset|object|embed|applet|meta|link|base|import|template|animate|set|handler|listener|foreignobject|xml|isindex|bgsound|layer|ilayer|portal|svg|math|style|form|xss|doc\b)|\bon[a-z]{3,}[\s/]*=|(?:java|vb|live|j)\s*script\s*:|mocha\s*:|data\s*:\s*[a-z]+\/|expression\s*\(|-moz-binding|behaviou?r\s*:|@import|srcdoc|formaction|xlink:href|\b(?:src|href|action|data|background|dynsrc|lowsrc|poster)\s*=\s*(?!["']?(?:#|\?|https?:|["']))|\b(?:alert|confirm|prompt|eval|settimeout|setinterval|constructor|function|location|document|window|cookie|write(?:ln)?|fromcharcode|atob|open|echo|import|url)\b|\{\{|\$\{|\[\[|\+ad[wq0]|<!entity|<!attlist|<\?|\]\]>|phn[2jp]|<[a-z]+[\s/]+on[a-z]+=/;

/** A bracket that was hidden is a try, whatever follows. */
const HIDDEN_BRACKET = /&#(?:x0*3c|0*60)\b|\\(?:x|u00)3c|%3c|&lt;?(?=[a-z])/i;

const NAMED: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  colon: ':',
  lpar: '(',
  rpar: ')',
  tab: '',
  newline: '',
  sol: '/',
  comma: ',',
  amp: '&',
};

/** As a browser might read it in the end: escapes of all kinds undone twice, without control characters. */
function plainly(text: string): string {
  let read = text;
  for (let round = 0; round < 2; round++) {
    read = read
      .replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/\\(?:u|x|0{0,4})\{?([0-9a-f]{2,6})\}?/gi, (all, hex: string) => character(all, hex, 16))
      .replace(/&#x0*([0-9a-f]{1,6});?/gi, (all, hex: string) => character(all, hex, 16))
      .replace(/&#0*([0-9]{1,7});?/g, (all, number: string) => character(all, number, 10))
      .replace(/&([a-z]{2,8});/gi, (all, name: string) => NAMED[name.toLowerCase()] ?? all);
  }
  return read
    .normalize('NFKC')
    .replace(/[\t\n\f\r]+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\ufffd]/gu, '')
    .toLowerCase();
}

function character(all: string, digits: string, base: number): string {
  const code = Number.parseInt(digits, base);
  return code <= 0x10ffff ? String.fromCodePoint(code) : all;
}

/**
 * Whether a line of an attack list attacks nothing by itself: a comment of the list, nothing, plain words, or HTML
 * without anything that runs. Such lines are counted apart, by rules that know nothing of what a judge answers.
 */
export function isWeak(attackClass: string, payload: string): boolean {
  if (payload.trim() === '' || COMMENT.test(payload)) return true;
  if (PLAIN.test(payload) && !CLIMBS.test(payload)) return true;
  if (attackClass !== 'xss' || HIDDEN_BRACKET.test(payload)) return false;
  const plain = plainly(payload);
  return !LIVE_MARKUP.test(plain) && !LIVE_MARKUP.test(plain.replace(/\/\*.*?\*\//gs, ''));
}
