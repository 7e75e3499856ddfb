import type { Rule } from '../judge/types.ts';

const OPERATORS =
  'ne|eq|gt|gte|lt|lte|in|nin|not|nor|or|and|regex|where|exists|elemmatch|all|size|type|mod|expr|text|search|comment|func|jsonschema|lookup|function|accumulator|options';

/** Injection into document databases: CWE-943. */
export const nosqlRules: readonly Rule[] = [
  {
    id: 'nosql-operator',
    class: 'nosql',
    title: 'an operator of MongoDB where a value is due',
    view: 'decoded',
    match: {
      regex: String.raw`(?:^|[{\["'])[$&](?:${OPERATORS})["']?\s*[:\]=]|[,\s(][$&](?:${OPERATORS})(?:["']\s*[:\]=]|\s*[\]=]|\s*:\s*(?:["'{\d/-]|\[\s*["'{\d]|null\b|true\b|false\b|this\b|function\b))`,
    },
    weight: 5,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'nosql-operator-open',
    class: 'nosql',
    title: 'an operator of MongoDB that anything satisfies',
    view: 'decoded',
    match: {
      regex: String.raw`[$](?:ne|nin|gt|gte|lt|lte|eq)["']?\s*[:=]\s*(?:["'\[{]|null|true|false|-?1\b|undefined)|[$](?:where|regex|expr|function|accumulator|func|jsonschema|exists|not|or|nor|lookup)(?:["']\s*[:=]|\s*=|\s*:\s*(?:["'{\d/-]|\[\s*["'{\d]|null\b|true\b|false\b|this\b|function\b|sleep\b))|\[[$](?:${OPERATORS})\]`,
    },
    weight: 3,
    inIsland: 3,
    inText: 2,
  },
  {
    id: 'nosql-operator-name',
    class: 'nosql',
    title: 'a parameter that is named like an operator of MongoDB',
    view: 'decoded',
    match: {
      regex: String.raw`\[\$(?:${OPERATORS})\]|^\$(?:ne|eq|gt|gte|lt|lte|in|nin|not|nor|regex|where|exists|or|and|expr|text|elemmatch|mod|function|accumulator|jsonschema|lookup)$`,
    },
    weight: 5,
    channels: ['name', 'path'],
  },
  {
    id: 'nosql-filter-name',
    class: 'nosql',
    title: 'a parameter by which a filter of an object mapper is widened',
    view: 'decoded',
    match: { regex: String.raw`\[where\](?:\[\w+\])*\[(?:neq|nlike|nilike|regexp|inq|nin)\]` },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'nosql-script',
    class: 'nosql',
    title: 'JavaScript for a document database',
    view: 'decoded',
    match: {
      regex: String.raw`\bthis\.\w+\s?(?:\[\d+\]\s?[=!]=|\.(?:match|length|charat|substring|indexof|test)\b|[=!]=)|\bdb\.(?:\w+\.(?:insert|find|drop|remove|update|mapreduce|aggregate|save|count|distinct)\w*|getcollection\w*|getname|version|eval|dropdatabase|shutdownserver|injection\w*)\s?\(|\bmapreduce\s?\(\s?function|["'](?:map|reduce|finalize)["']\s?:\s?["']\s?(?:async\s+)?function\s?\(|['"]\s?[;)}]\s?return\s?\(?\s?(?:true|1|this)|\bnew(?:\s|%20)date\(\)\s?;\s?(?:do|while)|['";)]\s?(?:\|\||&&|;)?\s?while\s?\(\s?(?:true|1|pt\b)|;\s?sleep\s?\(\d|['"]\s?(?:\|\||&&)\s?sleep\s?\(\d|\bobject\.keys\(this\)`,
    },
    weight: 5,
    inText: 2,
  },
  {
    id: 'nosql-tautology',
    class: 'nosql',
    title: 'a condition of JavaScript that is always true',
    view: 'decoded',
    match: {
      regex: String.raw`(?:^|['"\s\d)])(?:\|\||&&)\s*\(?(?:\d+|'[^']*'|"[^"]*"|true|null|this\.\w+)\s*[=!]==?\s*(?:['"\d]|true|null|this)|^[^'"]*['"]\s*\)?\s*(?:\|\||&&)\s*['"(]?[\w.\[\]]+['"]?\s*[=!]==?\s*['"]?\w+|^['"]\s*(?:\|\||&&)\s*['"]?(?:1|true|this|\w+['"]?\s*={2})`,
    },
    weight: 5,
    inText: 1,
  },
  {
    id: 'nosql-break-out',
    class: 'nosql',
    title: 'the end of a value and of its object, and an operator behind it',
    view: 'decoded',
    match: {
      regex: String.raw`^[^{\[]*['"]\s*[}\],]+\s*[{,]?\s*['"]?\$(?:${OPERATORS})\b|['"]\s*,\s*['"]?\$(?:or|and|where|ne|regex|nor)['"]?\s*:`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
  {
    id: 'nosql-cypher',
    class: 'nosql',
    title: 'a query of a graph database that goes on behind a value, calls a procedure or loads a file',
    view: 'decoded',
    match: {
      regex: String.raw`['"]\s*\}\s*\)?\s*(?:return|detach\s+delete|delete|set|remove|with|union|match|where)\b|\bcall\s+(?:db|dbms|apoc)\.\w+|\bload\s+csv\s+(?:with\s+headers\s+)?from\s*['"(]|['"]\s*(?:return|with)\s[^;]*\bunion\s+(?:all\s+)?match\b`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
];
