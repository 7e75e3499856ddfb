import type { Rule } from '../judge/types.ts';
import { LINE_COMMANDS, SURE_COMMANDS } from './rce-words.ts';

/** Commands that are written so that a filter does not know them and a shell does: CAPEC-267, MITRE ATT&CK T1027. */
export const obfuscationRules: readonly Rule[] = [
  {
    id: 'rce-obfuscated',
    class: 'rce',
    title: 'a command that is hidden by signs which a shell leaves out',
    view: 'raw',
    match: {
      regex: String.raw`\$\{?IFS\}?|\b[a-z]{1,6}(?:''|""|\\|\$@|\$\*|\$\{[@*]\})[a-z]{1,8}\s|/(?:(?:[a-z]{1,6}[?*]{1,4}|\?{1,4}|\*{1,2}[a-z?])[a-z?*]{0,6}/){1,3}[a-z]{0,8}[?*]|/\*/[a-z]{0,8}[?*][a-z]|\{(?:${LINE_COMMANDS}),[^}]+\}`,
    },
    weight: 3,
  },
  {
    id: 'rce-blank-by-name',
    class: 'rce',
    title: 'a blank that is written as the variable of a shell',
    view: 'raw',
    match: { regex: String.raw`\$(?:IFS\b|\{IFS[^}]*\})`, caseSensitive: true },
    weight: 2,
    inIsland: 2,
  },
  {
    id: 'rce-split-command',
    class: 'rce',
    title: 'the name of a command with quotes or nothings inside of it',
    view: 'raw',
    match: {
      regex: String.raw`(?:^|[\s;&|=\x60(/])(?:[a-z](?:''|""|\\|\$@|\$\{[@*]\}|\$\([^)]{0,4}\))[a-z]{1,7}|[a-z]{2,4}(?:''|""|\$@)[a-z]{1,6}|'[a-z]'[a-z]'?[a-z]{0,4}'?)(?:\s|\$\{?IFS)`,
    },
    weight: 2,
    inIsland: 2,
  },
  {
    id: 'rce-wildcard-path',
    class: 'rce',
    title: 'a path of the system in which brackets of a shell stand for its letters',
    view: 'decoded',
    match: {
      regex: String.raw`/[a-z]{0,8}\[(?:[!^][^\]\n]*|[a-z]/*|[a-z]/[^\]\n]*)\][a-z]{1,8}(?:/|\s|$)|/(?:\?{2,3}|[a-z]\?[a-z?])/(?:[a-z?*]{0,6}[?*][a-z?*]{0,6}|[a-z]{2,6})(?:\s|$|/)`,
    },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'rce-expansion',
    class: 'rce',
    title: 'a letter that is cut out of a variable of the shell',
    view: 'decoded',
    match: {
      regex: String.raw`\$\{(?:PATH|HOME|PWD|IFS|SHELL|SHELLOPTS|BASH\w*|OLDPWD|USER|LS_COLORS|HOSTNAME|TERM|[A-Z_]{2,20})(?:##?[^!}]|%%?[^}]|:\d|//|\^|,,|@[A-Z])|\$\{![a-zA-Z_@*]`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'rce-expansion-windows',
    class: 'rce',
    title: 'a letter that is cut out of a variable of Windows',
    view: 'decoded',
    match: {
      regex: String.raw`%(?:comspec|path|pathext|programfiles|programdata|windir|systemroot|commonprogramfiles|appdata|temp|username)(?::~?-?\d)`,
    },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'rce-braces',
    class: 'rce',
    title: 'a command that is put together by the braces of a shell',
    view: 'raw',
    match: {
      regex: String.raw`(?:^|[\s;&|=\x60])(?:\{,(?:${SURE_COMMANDS})(?:,[^}\s]*)?\}|\{(?:${SURE_COMMANDS}),\}|\{(?:${SURE_COMMANDS})(?:,[-/.][^}\s]*)+\}|\{[a-z],-\w{1,4}\}[a-z]|[a-z]\{[a-z]{1,3},[a-z]{1,4}\}[a-z](?:\s|$))`,
    },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'rce-decoded-and-run',
    class: 'rce',
    title: 'what was decoded is piped into a shell',
    view: 'shell',
    match: {
      regex: String.raw`\|\s*(?:sudo\s+)?(?:/(?:usr/)?bin/)?(?:ba|z|k|da)?sh(?:\s|$|[;&|)\x60'"-])|\bbase(?:32|64)\s+(?:-d|--decode|-D)\b|\bprintf\s+['"]?(?:\\x?[0-9a-f]{2,3}){2}|\becho\s+(?:-\w{1,3}\s+)?['"$]{0,2}(?:\\x?[0-9a-f]{2,3}){3}|\bxxd\s+-r|\b\w[\w.]{1,12}<<<["'$\w]`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'rce-here-string',
    class: 'rce',
    title: 'a command that is fed by a text (<<<)',
    view: 'raw',
    match: {
      regex: String.raw`(?:^|[\s;&|(\x60])(?:(?:ba|z|k|da)?sh|cat|tac|rev|tr|base(?:32|64)|xxd|xargs|python[23]?|perl|ruby|php|nc|tee|source|sudo|read|od|sed|awk|openssl|at|mail|mysql|psql|ssh)\b[^;|&<>\n]{0,40}<<<\s?["'$\w]`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'rce-variable-command',
    class: 'rce',
    title: 'a command that is put together from variables',
    view: 'raw',
    match: {
      regex: String.raw`(?:^|[;&|\n])\s?[a-zA-Z_]\w{0,8}=[^\s;&|$]{1,24}(?:[;&]+\s?[a-zA-Z_]\w{0,8}=[^\s;&|$]{1,24})*[;&]+\s?(?:\$\{?[a-zA-Z_]\w*\}?){2}`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'rce-printed-command',
    class: 'rce',
    title: 'a command whose name is printed by another one',
    view: 'raw',
    match: {
      regex: String.raw`(?:\$\(|\x60)\s*(?:printf|echo\s+-\w*e\w*)\s+["']?(?:\\(?:x[0-9a-f]{2}|[0-7]{3}|0[0-7]{3})){2}`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'rce-hex-word',
    class: 'rce',
    title: "a word of a shell that is written in numbers ($'\\x69\\x64')",
    view: 'raw',
    match: { regex: String.raw`\$'(?:\\(?:x[0-9a-f]{2}|[0-7]{3}|u00[0-9a-f]{2}))+` },
    weight: 5,
  },
];
