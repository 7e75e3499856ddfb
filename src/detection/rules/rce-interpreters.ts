import type { Rule } from '../judge/types.ts';
import { EVERYWHERE } from './channels.ts';

/** Programs and functions that run what they are given: CWE-78, CWE-94; Log4j: CVE-2021-44228; Shellshock: CVE-2014-6271. */
export const interpreterRules: readonly Rule[] = [
  {
    id: 'rce-interpreter',
    class: 'rce',
    title: 'an interpreter with a program as its argument',
    view: 'shell',
    match: {
      regex: String.raw`\b(?:perl|ruby|node|lua)\s+-\w{0,4}e\s*['"\w]|\b(?:python[23]?(?:\.\d{1,2})?|bash|sh|zsh|ksh|dash)\s+-\w{0,3}[ci]\b|\bphp\s+-r\b|\bawk\s+['"]?begin\s?\{|\bnc(?:at)?\s+-\w{0,6}(?:e|l|p)|\bmkfifo\s|\bexec\s?\d?<>\s?/dev/|\b\d?>&\s?/dev/(?:tcp|udp)|\bsocat\s+\S+\s+exec:|\bopenssl\s+s_client\b|\bgdb\s+[^|;]*-ex\b|\b(?:find|fd)\s[^|;]*-exec\s|\btar\s[^|;]*--checkpoint-action|\bc[89]9\s+-wrapper\b|\bgcc\s[^|;]*-wrapper\b`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
  {
    id: 'rce-function',
    class: 'rce',
    title: 'a call that runs a program or code',
    view: 'shell',
    match: {
      regex: String.raw`\b(?:system|exec|execl|execve?|passthru|shell_exec|popen|proc_open|pcntl_exec|eval|assert|create_function|call_user_func(?:_array)?|spawn|execsync|spawnsync|check_output|os\.(?:system|popen|exec\w{1,3}))\s*\(\s*(?:['"$\x60\[]|base64_decode|chr\(|gzinflate|str_rot13|hex2bin|pack\()`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
  {
    id: 'rce-function-of-command',
    class: 'rce',
    title: 'a call whose argument is a command',
    view: 'shell',
    match: {
      regex: String.raw`\b(?:system|exec|passthru|shell_exec|popen|eval|spawn|execsync|check_output|run|call)\s*\(\s*\[?\s*['"\x60]?\s*(?:/\w{1,12}/)?(?:id|whoami|uname|cat|wget|curl|ping|nslookup|sleep|nc|bash|sh|phpinfo|system|dir|net|cmd|echo|base64_decode)\b`,
    },
    weight: 1,
    inIsland: 2,
  },
  {
    id: 'rce-shellshock',
    class: 'rce',
    title: 'a function that a shell takes from its environment (Shellshock)',
    view: 'shell',
    match: { regex: String.raw`\(\s?\)\s*\{\s*(?:[:_;]|\w{1,12}\s?;)|^\s*\(\s?\)\s*\{` },
    weight: 5,
    inText: 5,
    channels: EVERYWHERE,
  },
  {
    id: 'rce-php-told',
    class: 'code',
    title: 'a call by which PHP tells of itself, as a statement',
    view: 'decoded',
    match: {
      regex: String.raw`[;|&:]\s*php(?:info|version|credits)\s?\(\s?\)|\bphp(?:info|version|credits)\s?\(\s?\)\s*;\s*$`,
    },
    weight: 1,
    inIsland: 5,
  },
  {
    id: 'rce-jndi',
    class: 'rce',
    title: 'a lookup of Log4j',
    view: 'decoded',
    match: {
      regex: String.raw`\$\{[^}]*(?:jndi|(?:lower|upper|env|sys|main|ctx|bundle|map|sd|date|java|hostname|web|docker|k8s|spring|base64)\s*:|::?-|\$\{)`,
    },
    weight: 5,
    inText: 5,
    channels: EVERYWHERE,
  },
  {
    id: 'rce-user-agent',
    class: 'rce',
    title: 'a command or code in place of the name of a program',
    view: 'shell',
    match: {
      regex: String.raw`^\s*[;|&\x60]|<\?(?:php|=)|[;|&\x60(]\s*/(?:usr/)?bin/|/dev/(?:tcp|udp)/|[;|&\x60]\s*(?:wget|curl|bash|sh)\s+[-/\w]|[;|&\x60]\s*(?:cat|nc|ping)\s+(?:-|/|\d)|\$\((?:\w|/)`,
    },
    weight: 5,
    channels: ['user-agent'],
  },
];
