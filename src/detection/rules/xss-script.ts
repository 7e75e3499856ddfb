import type { Rule } from '../judge/types.ts';
import { CALL } from './xss-words.ts';

/** Cross-site scripting by code, where a value stands in a script or a template of the browser: CWE-79, CAPEC-588. */
export const xssScriptRules: readonly Rule[] = [
  {
    id: 'xss-call',
    class: 'xss',
    title: 'a call that demonstrations of scripting make',
    view: 'js',
    match: { regex: String.raw`(?:^|[\s;:,!~+\-*/=(\[{"'\x60&|>}?.])${CALL}[^)\n]*[)\x60]` },
    weight: 2,
    inIsland: 1,
  },
  {
    id: 'xss-popup',
    class: 'xss',
    title: 'the call that shows that a script runs',
    view: 'js',
    match: {
      regex: String.raw`\b(?:alert|prompt|confirm)(?:\s*\?\.\s*|\s*)(?:\(\s*(?:['"\x60/\d\[!~+-]|document|window|location|origin|string\b|self|top|xss|this)|\x60)`,
    },
    weight: 3,
    inIsland: 2,
    inText: 1,
  },
  {
    id: 'xss-call-out-of-string',
    class: 'xss',
    title: 'a call behind the end of a string or block of a script',
    view: 'js',
    match: {
      regex: String.raw`(?:^|[\w\s])["'\x60][\s)}\];]*[-+*/;,|&^%<>=!~?:]+\s*(?:\w+\s?[=:]\s?)?(?:${CALL}|\(\w+\)\(|(?:document|window|location|self|top|this)\b[.\[])|[;}]\s*${CALL}[^)]*\)\s*;?\s*(?://|/\*|<!--|var\b|["'{\x60]|$)`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
  {
    id: 'xss-call-between-quotes',
    class: 'xss',
    title: 'a string that ends, an operator, a call, and a string or a comment that begins',
    view: 'js',
    match: {
      regex: String.raw`^[^"'\x60<>]*["'\x60][\s)}\]]*[-+*/%^|&,;]+\s*[\w$.]+\s?(?:\([^()\n]*\)|\x60[^\x60\n]*\x60)\s*(?:[-+*/%^|&,]+\s*["'\x60]|;?\s*(?://|/\*|<!--))`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'xss-call-alone',
    class: 'xss',
    title: 'a call and nothing else',
    view: 'js',
    match: {
      regex: String.raw`^\s*(?:\w+\.|[;,(!+~-]+)?\s*(?:alert|prompt|confirm)(?:\(\s*\)|(?:\(\s*(?:[^\w\s)]|\d|(?:document|window|location|origin|self|top|this|name|xss|url|cookie|domain)\b)|\s+\(\s*["'\d]|\s*\x60)[^)\x60]*[)\x60]+)\s*;?\s*(?://.*)?$`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'xss-dom',
    class: 'xss',
    title: 'a part of the page that scripts steal or change',
    view: 'js',
    match: {
      regex: String.raw`\bdocument\)?\s*(?:\.|\[|\?\.)\s*['"\x60]?(?:cookie|location|write(?:ln)?|body|domain|url|referrer|createelement|getelement\w+|queryselector|forms|documentelement|title|execcommand|vulnerable|head|defaultview|implementation)|\b(?:window|self|top|parent|this|frames|globalthis)\s?\[\s*['"\x60/(+]|\bwindow\.(?:open|location|name|onload|onerror|eval|alert)|\blocation\s?(?:=\s*["'\x60]?\s*(?:\w+:|//|\w+\(|name\b|hash\b)|\.(?:href|hash|replace|assign)\s?[=(])|\b(?:inner|outer)html\s?=|\bstring\.fromcharcode\s?\(|\binsertadjacenthtml\b|\.constructor\s?\(|\bonerror\s?=\s?\w+\s?;\s?throw\b|\blocalstorage\b\s?[.\[]|\[\]\s?\[['"(]|(?:\[\]|\{\}|!)\[\w*\+?\(?!`,
    },
    weight: 3,
    inText: 1,
  },
  {
    id: 'xss-page-read',
    class: 'xss',
    title: 'the cookies, the address or the origin of the page, as a script names them',
    view: 'js',
    match: {
      regex: String.raw`\b(?:document\s*\.\s*(?:cookie|domain|write(?:ln)?|location)|window\s*\.\s*location)\b|\bdocument\)?\s*\[\s*['"\x60]|\b(?:window|self|top|parent|frames|globalthis|this)\s*\[[^\]]+\]\s*[(\x60]|\blocation\s*=\s*(?:["'\x60]\s*(?:https?:)?//|name\b|hash\b)|\blocation\s*\.\s*(?:href|assign|replace)\s*[=(]\s*["'\x60]?\s*(?:https?:)?//|\b(?:inner|outer)html\s*\+?=|\bwith\s*\(\s*(?:document|window|self|top|location)\b|=\s*(?:alert|prompt|confirm|eval)\s*[,;]\s*\w+\s*[(\x60]|\$\.(?:getscript|globaleval)\s*\(|\$\(\s*["'][^"']*["']\s*\)\s*\.\s*(?:html|append|after|before|prepend)\s*\(\s*["'\x60]\s*<`,
    },
    weight: 5,
    inIsland: 2,
    channels: ['value', 'text', 'name', 'header', 'user-agent'], // manuals have pages of such names
  },
  {
    id: 'xss-tagged-template',
    class: 'xss',
    title: 'a call without parentheses',
    view: 'js',
    match: {
      regex: String.raw`\.\s*(?:call|apply|bind|map|sort|find|filter|reduce|foreach|constructor|replace|some|every|from)\s*\x60|\b(?:settimeout|setinterval|eval|function|alert|prompt|confirm)\s*\x60|\x60\s*\$\{\s*(?:alert|eval|prompt|confirm|document|location)|\bthrow\s*\[?\s*onerror|\{\s*onerror\s*=`,
    },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'xss-late-code',
    class: 'xss',
    title: 'code that is made or run later',
    view: 'js',
    match: {
      regex: String.raw`\bset(?:timeout|interval|immediate)\s*\(\s*["'\x60\w]|\bnew\s+function\s*\(|\beval\s*\(\s*(?:string|atob|unescape|decodeuri|location|document|name\b|["'\x60+])|\bfunction\s*\(\s*["'\x60]|^\s*(?:async\s+)?function\s*\*?\s*\w*\s*\([\w\s,]*\)\s*\{|\bimport\s*\(\s*["'\x60]|\bsrcdoc\s*=`,
    },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'xss-jsfuck',
    class: 'xss',
    title: 'a script of signs alone',
    view: 'js',
    match: {
      regex: String.raw`[()\[\]!+{}$_~;:"'\x60.,=|&^/*-]{24}|\+!\+\[\]|\+\[\]\)|!!\[\]|!\[\]\s?\+|\[!\[\]\]|\+\{\}\)?\[`,
    },
    weight: 3,
    inIsland: 2,
  },
  {
    id: 'xss-script-of-signs',
    class: 'xss',
    title: 'values made from empty brackets',
    view: 'js',
    match: { regex: String.raw`(?:\(!!?\[\]\s?\+|\+!\+\[\]|\[\]\+\{\}|\[!\[\]\]|!\[\]\+\[\])` },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'xss-popup-out-of-place',
    class: 'xss',
    title: 'the call that shows that a script runs, behind a sign',
    view: 'js',
    match: {
      regex: String.raw`(?:[=(\[{;:"'>,!~+*/|&?-]|\bcdata\s)\s*["'\x60]?\s*(?:\w+\.)*(?:alert|prompt|confirm)(?:\s*\?\.\s*)?(?:\(\s*[^\s)]|\s+\(\s*(?:["'\x60/]|\d+\s*\))|\s*\x60)`,
    },
    weight: 3,
    inIsland: 2,
  },
];
