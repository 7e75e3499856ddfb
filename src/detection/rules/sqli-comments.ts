import type { Rule } from '../judge/types.ts';

/** Injection into SQL that hides the rest of a query, or itself, behind comments and other ways of writing. */
export const sqliCommentRules: readonly Rule[] = [
  {
    id: 'sqli-comment-end',
    class: 'sqli',
    title: 'a comment that hides the rest of a query',
    view: 'raw',
    match: { regex: String.raw`^(?:-?[^-][^\0]*)?['")\d;][\s)]*(?:--|#|/\*)[ \t+-]*\w*\s?$` },
    weight: 3,
    inIsland: 2,
  },
  {
    id: 'sqli-quote-and-comment',
    class: 'sqli',
    title: 'a quote and nothing but a comment behind it',
    view: 'decoded',
    match: {
      regex: String.raw`^[\w@. -]*(?:['"][\s)]*|\d\s*|\d\s?[*+/-]\s?\d\s*|@@?\w+)(?:;?\s?--[\s+-]*|;?\s?#|/\*|;?\s?%00|;?\0)(?:\*/)?$`,
    },
    weight: 4,
    inIsland: 1,
  },
  {
    id: 'sqli-quote-and-end',
    class: 'sqli',
    title: 'a quote that is closed, and the end of the statement',
    view: 'raw',
    match: {
      regex: String.raw`^(?:[^'"\x60]*['\x60]|[^'"\x60]*[^'"\x60\d]"|")\s*(?:/\*[^*]*\*/)?\s*;[\s;]*$|^[^'"\x60]*['"]\s*;[\s;@!&|)]*(?:--|#)`,
    },
    weight: 5,
    inIsland: 1,
  },
  {
    id: 'sqli-versioned-comment',
    class: 'sqli',
    title: 'a comment that MySQL runs, or one in the place of a blank',
    view: 'raw',
    match: {
      regex: String.raw`/\*!\d*|\b(?:union|select|and|or|from|where|sleep|insert)\b(?:/\*(?:[^/]|$)|%0[9abcd]|%a0|\+\+)|/\*[^*]*\*/(?:union|select|and|or|from|where)\b`,
    },
    weight: 3,
    inText: 1,
  },
  {
    id: 'sqli-comment-as-blank',
    class: 'sqli',
    title: 'a comment to the end of the line in the place of a blank',
    view: 'decoded',
    match: {
      regex: String.raw`(?:^|[\d'")\s])(?:#|--)[\w -]*[\r\n]\s*(?:and|or|xor|union|select|all|from|where|having|order|\|\||&&)(?:\s|#|--|\()`,
    },
    weight: 5,
    inIsland: 3,
    inText: 1,
  },
  {
    id: 'sqli-optimizer-hint',
    class: 'sqli',
    title: 'a hint to the optimizer where a value is due',
    view: 'raw',
    match: { regex: String.raw`(?:\b(?:or|and|xor|union|select|where|not)|\|\||&&|['")])\s?/\*\s?\+` },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
  {
    id: 'sqli-hex',
    class: 'sqli',
    title: 'a text in hexadecimal or put together of characters',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|[\s,('"=|])0x[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]+|\bcha?r\s?\(\s?(?:0x[0-9a-f][0-9a-f]|\d\d\d?)\s?[,)]\s?(?:[+|]|,|\d)|\bx'[0-9a-f]{4}[0-9a-f]*'`,
    },
    weight: 2,
    inText: 0,
  },
  {
    id: 'sqli-scientific',
    class: 'sqli',
    title: 'a number in scientific writing that swallows what is behind it',
    view: 'sql',
    match: { regex: String.raw`(?:^|[\s(,=])\d+\.e\s?[(.,']|\b\d+\.?\d*e\d*(?:union|select|from|where)\b` },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
];
