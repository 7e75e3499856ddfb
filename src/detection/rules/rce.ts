import type { Rule } from '../judge/types.ts';
import { bareRules } from './rce-bare.ts';
import { interpreterRules } from './rce-interpreters.ts';
import { obfuscationRules } from './rce-obfuscation.ts';
import { windowsRules } from './rce-windows.ts';
import {
  ARGUMENT,
  COLUMN_COMMANDS,
  COMMANDS,
  LINE_COMMANDS,
  NAMELESS_COMMANDS,
  PREFIX,
  SEPARATOR,
  SEPARATOR_OR_TICK,
  SURE_COMMANDS,
  TELLING_COMMANDS,
  WAITS,
} from './rce-words.ts';

/** Pipes into these are how honest people write about logs. */
const NO_FILTERS =
  'cat|ls|id|whoami|uname|wget|curl|ping|nc|ncat|netcat|socat|bash|sh|nslookup|dig|netstat|ifconfig|ipconfig|echo|perl|python[23]?|ruby|php|rm|chmod|chown|' +
  'telnet|dir|type|net|netsh|reg|wmic|cmd(?:\\.exe)?|powershell(?:\\.exe)?|certutil|busybox|base64|systeminfo|sysinfo|tasklist|sleep|pwd|ps|hostname|env|touch|ftp|tftp|ipconfig';

/** Command lines: CWE-78, CAPEC-88. */
const commandRules: readonly Rule[] = [
  {
    id: 'rce-separated-command',
    class: 'rce',
    title: 'a command, with what belongs to one, behind a sign that separates commands',
    view: 'shell',
    match: {
      regex: String.raw`${SEPARATOR_OR_TICK}${PREFIX}(?:(?:${NAMELESS_COMMANDS})(?:\s*(?:$|[;&)\x60#<>}]|\|\||['\"](?:\s|$|[;&|)]))|\||${ARGUMENT})|(?:${COMMANDS})(?:${ARGUMENT}|\s*['\"]?\s*\x60)|${WAITS})|^[;&|]+\s?(?:${COMMANDS})\s*$`,
    },
    weight: 5,
    inIsland: 0,
  },
  {
    id: 'rce-separated-column',
    class: 'rce',
    title: 'a command named as columns are behind a sign that separates commands, and not in a row of names',
    view: 'shell',
    match: {
      regex: String.raw`${SEPARATOR_OR_TICK}${PREFIX}(?:${COLUMN_COMMANDS})(?:\s*(?:$|[&)\x60#<>}]|\|\||['\"](?:\s|$|[;&|)]))|\s*;\s*(?:$|[^\w\s])|\|(?:$|[^\w])|\s*[;|][^\n]*[^\w\s;|%./()-])|[^a-z_\s;|]\s*${SEPARATOR}\s*(?:${COLUMN_COMMANDS})\s*[;|]`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 0,
  },
  {
    id: 'rce-separated-attack',
    class: 'rce',
    title: 'a command that answers, fetches or destroys behind a sign that separates commands',
    view: 'shell',
    match: {
      regex: String.raw`${SEPARATOR}${PREFIX}(?:${NO_FILTERS})(?:\s*(?:$|[;&|)\x60#<>}]|['"](?:\s|$|[;&|)]))|${ARGUMENT})|${SEPARATOR}${PREFIX}${WAITS}|[;&|](?:id|whoami|uname|ifconfig|ipconfig|systeminfo|sysinfo|tasklist)(?:\s|$)`,
    },
    weight: 0,
    inIsland: 4,
  },
  {
    id: 'rce-chained-command',
    class: 'rce',
    title: 'a command behind a sign that stands apart from a sentence',
    view: 'shell',
    match: {
      regex: String.raw`(?:^|[\s"'])(?:;|\|\|?|&&?)\s*(?:sudo\s)?(?:/[\w/.?*-]+/)?(?:${NO_FILTERS}|set|mkdir|cp|mv|ver|copy|del)(?:\s|$|[;&|)\x60'"])`,
    },
    weight: 1,
    inIsland: 2,
    inText: 1,
  },
  {
    id: 'rce-chained-name',
    class: 'rce',
    title: 'the name of a command that is no word of any language, apart behind a sign',
    view: 'shell',
    match: {
      regex: String.raw`[;|&]\s*(?:whoami|ifconfig|ipconfig|systeminfo|sysinfo|tasklist|netstat|uname|sleep\s+\d|net\s+(?:view|user|localgroup|group|share|start|accounts)|nslookup|wget|curl)(?:\s|$)`,
    },
    weight: 1,
    inIsland: 2,
    inText: 2,
  },
  {
    id: 'rce-separated-word',
    class: 'rce',
    title: 'the name of a command behind a sign that separates commands',
    view: 'shell',
    match: {
      regex: String.raw`${SEPARATOR_OR_TICK}${PREFIX}(?:${LINE_COMMANDS}|whoami|id|systeminfo|sysinfo|tasklist|sleep|pwd|env|set|time|comm|flock|w|date|perf|bcdboot)(?:\s|$|[;&|)])`,
    },
    weight: 3,
    inIsland: 1,
  },
  {
    id: 'rce-command-line',
    class: 'rce',
    title: 'a command line from the first word on',
    view: 'shell',
    match: {
      regex: String.raw`^[\s'"]{0,4}(?:(?:nohup|time|exec|sudo|env)\s+)?(?:/(?:usr/)?(?:local/)?s?bin/)?(?:${LINE_COMMANDS})['"]?\s+(?:/[a-z*?[]|~|\.\.?/|["'$][^"']*[$<|;>]|https?://|[a-z]:\\|%\w{3,20}%|(?:user|view|localgroup)(?:\s*$|\s+["/*\w-]+\s*(?:$|/))|add\b|firewall\b)|^[\s'"]{0,4}(?:(?:nohup|time|exec|sudo|env)\s+)?(?:/(?:usr/)?(?:local/)?s?bin/)?(?:(?:${TELLING_COMMANDS})['"]?\s+-{1,2}[a-z]|(?:${LINE_COMMANDS})['"]?\s+-{1,2}[a-z][^\n]*[/$<>|;&\x60'"*?~\\])|^(?:nohup|time|exec)\s+(?:${SURE_COMMANDS})(?:\s|$)`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'rce-command-on-system',
    class: 'rce',
    title: 'a command that shows the root, the homes or the settings of a machine',
    view: 'shell',
    match: {
      regex: String.raw`^['"]?(?:cat|ls|ll|dir|find|head|tail|more|less)\s+(?:-[a-z]+\s+)?(?:/(?:(?:etc|root|home|var/www|proc|boot|usr/local/etc)(?:/|\s|$)|\s*$)|[a-z]:\\(?:\s*$|documents and settings|windows|users|inetpub))`,
    },
    weight: 1,
    inIsland: 2,
  },
  {
    id: 'rce-quoted-command',
    class: 'rce',
    title: 'the name of a command in quotes of its own, as a shell takes it and nobody writes it',
    view: 'raw',
    match: { regex: String.raw`^['"](?:${SURE_COMMANDS}|time|cscli|find|head|tail)['"]\s+(?:-|/|[a-z]{2,10}(?:\s|$))` },
    weight: 5,
    inIsland: 1,
  },
  {
    id: 'rce-broken-out',
    class: 'rce',
    title: 'a command behind a quote that ends the word before it, or behind a written line end',
    view: 'decoded',
    match: {
      regex: String.raw`^\s*["']\s+(?:whoami|id|uname|ipconfig|ifconfig|systeminfo|sysinfo)\s*$|\\n(?:echo|curl|wget|sleep|ping|cat|id|exit)\b[^\\]*\\n|\\033\[[0-9;]*[a-z](?:curl|wget|sleep|ping|cat|id|echo)\s`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'rce-binary',
    class: 'rce',
    title: 'a program by its path',
    view: 'shell',
    match: {
      regex: String.raw`(?:^|[\s;&|\x60('"=<])/(?:usr/)?(?:local/)?s?bin/(?:(?:${SURE_COMMANDS}|perl|php\d?|ruby|lua|find|head|tail)(?:\s|$|[;&|)\x60'"])|[\w?*[\]-]{1,24}(?:\.\d{1,2})?(?:[;&|)\x60'"]|\s+(?:-[ceir]\b|['"$/;&|]))|[\w-]{0,24}[?*[][\w?*[\]-]{0,24}(?:\s|$))|[;&|\x60(=<]\s*/(?:usr/)?(?:local/)?s?bin/[\w?*[\]-]{1,24}(?:\.\d{1,2})?(?:\s|$)|/dev/(?:tcp|udp)/|\b[a-z]:[\\/]{1,2}(?:windows|winnt)[\\/]{1,2}(?:system32|syswow64)[\\/]{1,2}\w{1,24}\.exe`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'rce-substitution',
    class: 'rce',
    title: 'a command whose output is put in its place',
    view: 'shell',
    match: {
      regex: String.raw`[$<>]\(\s*\x60?\s*(?:/\w{1,12}/)?(?:${SURE_COMMANDS}|perl|python[23]?|ruby|php|find|head|tail|date)(?:\)|[\s<][^)]*\))|(?:^|[^\x60])\x60\s*(?:/(?:usr/)?(?:bin/)?)?(?:id|whoami|pwd|hostname|uname|sleep|${LINE_COMMANDS})(?:\x60(?:[^\x60]|$)|\s+[^\x60]+\x60(?:[^\x60]|$))`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 3,
    inText: 0,
  },
  {
    id: 'rce-substitution-sure',
    class: 'rce',
    title: 'a substitution that no documentation of a tool has: its command tells who and where one is, or fetches',
    view: 'shell',
    match: {
      regex: String.raw`\$\(\(\s*\d+\s*[*/%+-]+\s*\d+\s*\)\)|\$\(\s*\x60\s*\w|\$\(\s*(?:/\w{1,12}/)?(?:id|whoami|uname|cat|ls|wget|curl|nslookup|ping|sleep|nc|bash|sh|echo)\b[^)]*\)|(?:^|[^\x60])\x60\s*(?:id|whoami|uname\s-a|sleep\s\d+|cat\s+/etc/[^\x60]*|(?:ping|nslookup|curl|wget)\s[^\x60]*(?:\$|//|\d\.\d)[^\x60]*)\x60`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'rce-alias',
    class: 'rce',
    title: 'a name that is made to stand for a command',
    view: 'decoded',
    match: { regex: String.raw`(?:^|[;&|\n])\s*alias\s+(?:[-+][a-z]+\s+)?['"]?\w+['"]?=\S` },
    weight: 5,
    inIsland: 3,
  },
];

/** Command execution, in every language that has a shell. */
export const rceRules: readonly Rule[] = [
  ...commandRules,
  ...bareRules,
  ...interpreterRules,
  ...windowsRules,
  ...obfuscationRules,
];
