import type { Rule } from '../judge/types.ts';
import { COMPARE, JOIN, LITERAL, OPERATOR } from './sqli-words.ts';

/** What may follow a condition in a query; a full stop, a comma and a blank, or a question mark follows one in talk. */
const AFTER = String.raw`(?:$|[^.?!:,\w]|,(?:$|\S))`;

/** Injection into SQL by conditions that are always true, always false, or tell one bit. */
export const sqliConditionRules: readonly Rule[] = [
  {
    id: 'sqli-tautology',
    class: 'sqli',
    title: 'a condition of two values behind OR or AND',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|[\s'"\x60)\d*/;,.|&%(])${JOIN}(?:\s|['"(+~!-])${LITERAL}${COMPARE}${LITERAL}${AFTER}`,
    },
    weight: 5,
    inText: 0,
  },
  {
    id: 'sqli-tautology-behind',
    class: 'sqli',
    title: 'a condition of two values behind the end of a value and OR or AND',
    view: 'sql',
    match: {
      regex: String.raw`['"\x60)\d%][\s)]*${JOIN}[\s(]+(?:not )?(?:'[^']*'|"[^"]*"|\(?-?\d+\)?)\s?(?:=|<=>|like)\s?(?:'[^'\s]+|"[^"\s]+|\(?-?\d+${AFTER})`,
    },
    weight: 1,
    inIsland: 1,
    inText: 5,
  },
  {
    id: 'sqli-where',
    class: 'sqli',
    title: 'a WHERE of two values',
    view: 'sql',
    match: { regex: String.raw`(?:^|[\s'"\x60)])(?:where|when)\s${LITERAL}${COMPARE}${LITERAL}${AFTER}` },
    weight: 5,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'sqli-truth',
    class: 'sqli',
    title: 'a value that is true, behind OR or AND',
    view: 'sql',
    match: {
      regex: String.raw`^[^'"\s]*(?:['"]+[\s)]*|\d[\s)]+)(?:or|\|\||xor|&&|and)[\s(+~!-]*(?:not )?(?:true|false|['"]?\d+['"]?)[\s)]*(?:--|#|/\*|;|$)|\d[\s)]+(?:or|xor|\|\|)[\s(]+(?:true|false)\b|^['"][\s)]*(?:or|\|\|)\s?\d+$`,
    },
    weight: 4,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'sqli-truth-behind-quote',
    class: 'sqli',
    title: 'a value that is closed, and a truth behind it',
    view: 'sql',
    match: {
      regex: String.raw`['"][\s)]*(?:or|\|\||xor|&&|and)[\s(+~!-]*(?:not )?(?:true|false|\d+)[\s)]*(?:--|#|/\*|;|$)|^\d+[\s)]+(?:or|xor|\|\|)[\s(]+(?:not )?(?:true|false)\b`,
    },
    weight: 1,
    inIsland: 1,
    inText: 0,
  },
  {
    id: 'sqli-truth-in-disguise',
    class: 'sqli',
    title: 'a number, OR, and a truth that is written as no number in talk',
    view: 'sql',
    match: {
      regex: String.raw`^-?\d+[\s'")]*(?:\s|['")])(?:or|and|xor|\|\||&&)[\s(]*(?:[~!]+\s?\d+|not\s+\d+|0x[0-9a-f]+|@@?\w+|\d+\s?in\s?\(.*|(?:id|uid|rowid|rownum|user_?id|username|password)\s*)[\s)]*(?:--|#|/\*|;|$)`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'sqli-condition',
    class: 'sqli',
    title: 'another condition behind OR or AND',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|[\s'"\x60)\d*/;])(?:${JOIN}|where)[\s('"!~-]+(?:not |exists )?[\w'"@.]+[\s'")]*(?:(?:<=>|<>|!=|<=|>=|[=<>])[\s('"%@]*[\w'"(%]|\b(?:not )?(?:like|ilike|glob|similar to|regexp|rlike)\s?(?:binary\s?)?['"(%@\d]|\bis (?:not )?(?:null|true|false)\b|\b(?:isnull|notnull)\b|\b(?:not )?in\s?\(|\b(?:not )?between\s['"(\d])`,
    },
    weight: 4,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'sqli-condition-alone',
    class: 'sqli',
    title: 'nothing but another condition, or one behind a number',
    view: 'sql',
    match: {
      regex: String.raw`^\s*(?:\d+[\s)'"]*)?(?:or|xor|\|\|)[\s(]+(?:not )?(?:[a-z_]\w*\s?(?:=|<=>|!=|like\b|is\b|isnull\b|notnull\b)[\s\w'"()]*|\d\w*\s?(?:(?:=|<=>|!=|like\b|is\b)[\s('"]*(?:\d|not\b|null\b)|isnull\b|notnull\b)[\s\w'"()]*)(?:--|#|/\*|;|$)`,
    },
    weight: 2,
    inIsland: 1,
    inText: 0,
  },
  {
    id: 'sqli-quoted-condition',
    class: 'sqli',
    title: 'a quote that is closed, and a condition behind it',
    view: 'sql',
    match: {
      regex: String.raw`^[^'"]*['"][\s'"\\)]*(?:(?:or|and|xor|\|\||&&|having|where|union|order by|group by|limit|procedure|rlike|like|between|is|div|mod|eqv|imp)[\s('"(!~-]+(?:not |exists |select |true|false|null|\d|'|"|\w+\s?(?:\(|=|<|>|like\b|is (?:not |null)|in\s?\(|between\b|\x60)|(?:binary\s?|_\w+\s?|[nxb])['"]|\w+\.\w|@|x'|0x|\*)|in\s?\(|into (?:@|(?:out|dump)file))`,
    },
    weight: 4,
    inIsland: 3,
    inText: 1,
  },
  {
    id: 'sqli-broken-quotes',
    class: 'sqli',
    title: 'an operator between two quotes that are not closed',
    view: 'sql',
    match: {
      regex: String.raw`^[\w\s@.%-]*(?:'[\s)]*${OPERATOR}[\s(]*')[\s\w.*()%=-]*$|^'[\s)]*${OPERATOR}\s?''?\s?['=*^-]|^"[\s)]*(?:[-+*/%&|^=<>]+|or|and|not|like)\s?""?\s?["=*^-]|^'=|^'[^']?[^']?[^']?'='`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'sqli-chained-quotes',
    class: 'sqli',
    title: 'values in a chain of operators, the last of them not closed',
    view: 'sql',
    match: {
      regex: String.raw`^'?[^']*'(?:\s?${OPERATOR}\s?(?:'[^']*'|\d+))+\s?${OPERATOR}\s?'[^']*$|^'[^']*'\s?(?:=|<=>|<>|!=|<=|>=|not like|like|rlike|regexp)\s?'[^']+$`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'sqli-word-between-quotes',
    class: 'sqli',
    title: 'an operator that only SQL has between the end of a value and the start of the next',
    view: 'sql',
    match: {
      regex: String.raw`[\w)%]'[\s)]*(?:not like|not regexp|not rlike|sounds like|rlike|regexp|eqv|imp|not in|not between)[\s(]*(?:binary )?['(]`,
    },
    weight: 5,
    inIsland: 5,
    inText: 5,
  },
  {
    id: 'sqli-quotes-glued',
    class: 'sqli',
    title: 'an operator glued between two values as nobody quotes a word, or a truth behind HAVING',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|\s)['"](?:or|and|xor|div|mod|like|\|\||&&)['"][\w%(]|['"]\s?(?:or|xor|\|\|)\s\d+\s?(?:#|--)|\bhaving\s?\(\s?(?:true|false|\d+)\s(?:or|and|xor)\s|(?:^|\s)'\s?(?:or|and)\s'[^'\s]{1,12}'\s(?:glob|like|rlike|regexp|between)\s'`,
    },
    weight: 2,
    inIsland: 5,
    inText: 5,
  },
  {
    id: 'sqli-quotes-compared',
    class: 'sqli',
    title: 'two quoted values that are compared',
    view: 'sql',
    match: {
      regex: String.raw`['"][\s)]*(?:=|<=>|<>|!=|<=|>=|<|>|\|\||\bnot like\b|\blike\b|\brlike\b)[\s(]*['"](?:[^'",\[\]{}]*['"][\s)]*(?:=|<>|--|#|or\b|and\b|$)|[^'",\[\]{}\s]*$)`,
    },
    weight: 3,
    inIsland: 1,
  },
  {
    id: 'sqli-json',
    class: 'sqli',
    title: 'an operator of SQL on JSON',
    view: 'sql',
    match: {
      regex: String.raw`['"\w)\]}]\s?(?:::\s?jsonb?\b|->>|#>>|#>\s?'|@>\s?'|<@\s?'|@\?\s?'|@@\s?'|\?[|&]\s?array\b)|['"]\s?(?:->>?|\?[|&]?|<|>|=)\s?'(?:\$[.\[]|\w+'$)|\bjson_(?:extract|value|query|array|object|contains|search|type|valid|length|depth|keys|exists)\s?\(\s?['"]`,
    },
    weight: 3,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'sqli-json-in-place',
    class: 'sqli',
    title: 'a quoted JSON behind a quote, OR or AND, and an operator of SQL behind it',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|[\s'")])(?:or|and|xor|not|\|\||&&)?[\s(]*'[\[{][^']*[\]}]'[\s)]*(?:::\s?jsonb?\b|->|#>|@>|<@|@\?|@@|\?|<|>|=|is json|like)|\bjson_(?:extract|value|query|contains|search|exists|object_agg|build_object)\s?\(\s?['"][\[{]`,
    },
    weight: 5,
    inIsland: 3,
    inText: 1,
  },
];
