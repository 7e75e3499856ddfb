import type { Rule } from '../judge/types.ts';
import { fileRules } from './traversal-files.ts';

/** Ways up, however they are written. */
const upRules: readonly Rule[] = [
  {
    id: 'traversal-up-twice',
    class: 'traversal',
    title: 'a path that goes up more than once',
    view: 'path',
    match: {
      regex: String.raw`(?:^|[=:/&?;,|<>(\[{])(?:[.?]{2,}/{1,4}(?:[^/\s]+/{1,4})?)+[.?]{2,}(?:/|$)|\.{2,}/\.{1,2}/?\.{2,}/|(?:\.{2,3}/\./?){2}`,
    },
    weight: 5,
    inIsland: 3,
    inText: 1,
  },
  {
    id: 'traversal-up-twice-within',
    class: 'traversal',
    title: 'a path that goes up more than once behind other words',
    view: 'path',
    match: { regex: String.raw`[^.\w](?:[.?]{2,}/{1,4}(?:[^/\s]+/{1,4})?)+[.?]{2,}(?:/|$)` },
    weight: 1,
    inIsland: 0,
    inText: 1,
  },
  {
    id: 'traversal-up-thrice',
    class: 'traversal',
    title: 'a path that goes up further than any honest one needs to',
    view: 'path',
    match: { regex: String.raw`(?:\.{2,}/{1,4}){3}|(?:\.{2,}/[^/.\s]+/){3}` },
    weight: 4,
    inIsland: 3,
    inText: 1,
  },
  {
    id: 'traversal-up-only',
    class: 'traversal',
    title: 'nothing but a way up',
    view: 'decoded',
    match: {
      regex: String.raw`^[./\\]*[/\\]\.\.+[/\\]+[./\\]*$|^(?:/?\./?\\/?){2,}|(?:\./\\/\./?){2}|/\./\\/\./|\./\\/\./\{`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'traversal-escaped-dots',
    class: 'traversal',
    title: 'dots and slashes of a way up, each behind a backslash',
    view: 'raw',
    match: { regex: String.raw`(?:\\/\\\.\\\.){2}|\\/\\\.\\\.\\/\\\.|\.\\/\\\.\\\.` },
    weight: 3,
    inIsland: 3,
  },
  {
    id: 'traversal-up',
    class: 'traversal',
    title: 'a path that goes up',
    view: 'path',
    match: { regex: String.raw`(?:^|[/=:\\])[.?]{2,}/|/\.{2,}(?:/|$|\{)` },
    weight: 3,
    inIsland: 1,
  },
  {
    id: 'traversal-odd-escape',
    class: 'traversal',
    title: 'a dot or slash in an escape that only attackers use',
    view: 'raw',
    match: {
      regex: String.raw`%25(?:2e|2f|5c|c0|c1|u)|%25%5c|%%(?:3\d|4\d|6\d)|%c[01]%[0-9a-z]{2}|%c0\.|%u(?:2215|2216|ff0e|efc8|f025)|%u002e(?:%u002e|\.)|\.%u002e|\.\.%u00(?:2f|5c)|%e0%80%a[ef]|%f[08]%80|%fc%80|%bg%qf|%1\.|0x2e0x2e|\.0x[25][cf]|(?:\\\.){1,2}\\/\\?\.|\.%00|%uefc8|\.{6,}[/\\]|\{file\}|%2e%2e|%2e\.[%/\\]|\.%2e|\.{1,3}[?/\\]{0,1}%(?:00|01|25|5c)|(?:^|=)\.\.{1,2}[?/\\]{0,1}%2f`,
    },
    weight: 3,
    inText: 1,
  },
  {
    id: 'traversal-odd-escape-up',
    class: 'traversal',
    title: 'two ways up whose dots or slashes stand in odd escapes',
    view: 'raw',
    match: {
      regex: String.raw`(?:(?:\.|%2e|%252e|%c0%ae|%c0\.|%uff0e|0x2e|%u002e){1,3}(?:%c[01]%[0-9a-z]{2}|%u\w{4}|%25(?:2f|5c|c0%25af|c1%259c)|%%\w{2}%%\w{2}|%e0%80%\w\w|%f[08](?:%80)+%\w\w|%fc(?:%80)+%\w\w|0x[25][cf]|%bg%qf|%2f|%5c)){2}|(?:%c[01]%[0-9a-z]{2}){3}`,
    },
    weight: 3,
    inIsland: 3,
    inText: 3,
  },
  {
    id: 'traversal-up-to-code',
    class: 'traversal',
    title: 'a way up to code, settings or data, and nothing else',
    view: 'path',
    match: {
      regex: String.raw`^[\s'"]{0,2}(?:\.?/)?(?:\w[\w-]*/)?\.\./(?:[\w.-]+/)*(?:[\w-][\w.-]*\.(?:php\d?|phtml|py|rb|pl|js|mjs|ts|jsx?|jsp|java|class|jar|go|rs|cs|cgi|asp|aspx|ini|cnf|conf|cfg|config|ya?ml|toml|properties|pem|key|crt|p12|pfx|jks|sql|db|sqlite3?|bak|old|log|sh|bat|lock|json|env|tfstate)|\.[a-z][\w.-]*|dockerfile|makefile|gemfile|procfile)(?:%00.*|\0.*)?[\s'".,]{0,2}(?:\s\w+)?$`,
    },
    weight: 2,
    inIsland: 4,
  },
  {
    id: 'traversal-up-parameter',
    class: 'traversal',
    title: 'a way up that carries a parameter, which a proxy reads as a name and a server of Java does not',
    view: 'decoded',
    match: { regex: String.raw`(?:^|[/\\])\.\.?;[^/\\]{0,20}[/\\]` },
    weight: 5,
    inIsland: 4,
  },
];

/** Path traversal and file inclusion: CWE-22, CWE-98, CAPEC-126. */
export const traversalRules: readonly Rule[] = [...upRules, ...fileRules];
