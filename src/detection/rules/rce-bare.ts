import type { Rule } from '../judge/types.ts';
import { EVERYWHERE } from './channels.ts';
import { PREFIX } from './rce-words.ts';

/** Tools that no sentence and no list of words goes on with, as shells write them: in lower case. */
const TOOLS =
  'nslookup|lsb_release|getent|hostnamectl|loginctl|fdisk|blkid|lscpu|lsblk|ethtool|kubectl|systemctl|journalctl|busybox|telnet|chmod|chown|chgrp|crontab|killall|pkill|wget|curl|nc|ncat|socat|ping|xxd|rm|mkdir|ifconfig|netstat|useradd|adduser|usermod|' +
  'openssl|mysql|mysqldump|psql|redis-cli|mongosh?|gcloud|crictl|nerdctl|iptables|nmap|tcpdump|tmux|xargs|nohup|gdb|strace|lsof|dmesg|poweroff|sendmail|whoami|uname|printenv|sudo|' +
  'tac|mkfifo|tftp|scp|ssh|rsync|bash|zsh|ksh|base64|base32|hexdump|tasklist|taskkill|systeminfo|ipconfig|certutil|bitsadmin|rundll32|regsvr32|mshta|wmic|schtasks|powershell|pwsh|python[23]?|perl|php|unzip|chroot|insmod|setenforce|env|pwd|ls';
/** Names that are words as well, each with what belongs to it and to no talk. */
const WITH_ARGUMENT = String.raw`kill\s+(?:-\w+\s+)?-?\d|ps\s+(?:-?[aefux]{1,4}\b|$)|docker\s+(?:ps|run|exec|images|inspect|cp|login|pull|kill|stop|rm)\b|podman\s+(?:ps|run|exec)\b|dig\s+(?:@|\+|[\w-]+\.[\w.-]+)|host\s+[\w-]+\.[\w.-]+|dd\s+(?:if|of)=|ip\s+(?:a|addr|r|route|link|neigh)\b|(?:mv|cp|ln)\s+(?:-\w+\s+)?[\w./~-]+\s+[\w./~-]+\s*$|(?:cat|head|tail|nl|od|strings|sort|rev|grep|more|less|tee|touch|stat|file|source|mail)\s+(?:-\w+\s+)?(?:\S+\s+)?[/~.][\w./~-]|su\s+-|at\s+-|tar\s+-?[cfjtvxz]{2,6}\s+[\w./~-]|vim?\s+-|service\s+[\w-]+\s+(?:start|stop|restart|status)|aws\s+(?:s3|iam|sts|ec2)\b|(?:apt|yum|pip3?|npm|gem)\s+install\b|git\s+(?:clone|config|push)\b|(?:reboot|halt|shutdown|printenv|hostname|uptime|history)\s*(?:$|[|>])`;

/** Not where signs that separate commands separate something else. */
const VALUES = EVERYWHERE.filter((channel) => channel !== 'user-agent' && channel !== 'header');

/** Commands that the rules of whole command lines do not know: short ones, options, redirections, formulas. */
export const bareRules: readonly Rule[] = [
  {
    id: 'rce-tool-behind-separator',
    class: 'rce',
    title: 'a tool of shells at once behind a sign that separates commands',
    view: 'shell',
    match: {
      regex: String.raw`(?:^\s*|^[\w.:@/'")=-]+)(?:[;|\n]|\|\||&&?)\s*${PREFIX}(?:(?:${TOOLS})(?:\s+[\w./:@$%~"'-]|\s*$|[;&|])|${WITH_ARGUMENT})`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 0,
    channels: VALUES,
  },
  {
    id: 'rce-tool-glued',
    class: 'rce',
    title: 'a tool of shells glued to the sign before it, as no sentence is written',
    view: 'shell',
    match: {
      regex: String.raw`(?:^|\s|\d)(?:;|&&)(?:(?:id|${TOOLS})(?:\s|$)|${WITH_ARGUMENT})|(?:^|[\s\d])\|\|?(?:id|whoami|uname|ifconfig|ipconfig|netstat|curl|wget|nc|ping|nslookup|env|printenv|systeminfo|tasklist)(?:\s|$)`,
      caseSensitive: true,
    },
    weight: 1,
    inIsland: 5,
    inText: 5,
    channels: VALUES,
  },
  {
    id: 'rce-tool-in-agent',
    class: 'rce',
    title: 'a command in the name of a program',
    view: 'shell',
    match: {
      regex: String.raw`(?:[|&]{1,2}|\n)\s*${PREFIX}(?:id|${TOOLS}|cat|echo|dir|set|sleep)(?:\s|$|[;&|)])|;\s*${PREFIX}(?:(?:id|${TOOLS}|cat|echo|touch|tee|su|head|tail|kill|sleep)(?:\s+(?:[-/~.$"']|\d+\s*$)|\s*$)|${WITH_ARGUMENT})|\S;(?:id|${TOOLS}|sleep|set)(?:\s|$)|\s;(?:id|${TOOLS})(?:\s|$)|\|\s*dir\s`,
      caseSensitive: true,
    },
    weight: 5,
    channels: ['user-agent'],
  },
  {
    id: 'rce-redirection',
    class: 'rce',
    title: 'an output that is written to a file, behind a sign that separates commands',
    view: 'shell',
    match: {
      regex: String.raw`^\s*\d?>{1,2}\s*/(?:tmp|var|etc|dev|root|home|srv|opt|usr|www)/[\w./-]+\s*$|[;&|]\s*(?:touch|\.)\s+[/~]\w|[;&|]\s*\d?>{1,2}\s*[/~.]*/[\w.]|[;&|]\s*(?:echo|printf)\s[^;|&<>\n]*>{1,2}\s*(?:[/~.\w]*/)?\w`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'rce-substitution-glued',
    class: 'rce',
    title: 'a command whose output is put at once behind a word',
    view: 'shell',
    match: {
      regex: String.raw`\w(?:\$\(|\x60)(?:curl|wget|nslookup|ping|id|whoami|uname|cat|sleep|nc|bash|sh)(?:\s[^)\x60]*)?[)\x60]`,
      caseSensitive: true,
    },
    weight: 2,
    inIsland: 4,
    inText: 5,
  },
  {
    id: 'rce-told-in-text',
    class: 'rce',
    title: 'a command glued to a word or put in its own place, as no manual shows one',
    view: 'shell',
    match: {
      regex: String.raw`\$\(\s*<\s*/(?:etc|proc|root|home)/|\b(?:source|\.|bash|sh)\s?<\(|\w&{1,2}(?:ipconfig|whoami|systeminfo|tasklist|netstat|ifconfig|uname)(?:\s|$)|\$\((?:sleep\s+\d+|id|whoami|uname(?:\s+-a)?|ifconfig|nslookup\s[^)]*|ping\s+-[^)]*|cat\s+/etc/[^)]*)\)|["'];\s*(?:ls|cat|id|whoami|uname|ps)(?:\s+(?:-\w+|/\S*))?\s*(?:[;#|]|&&|$)|;\s?(?:kill\s+-9\s+-?\d|history\s?\|)|\bdownload(?:string|file)\s?\(\s?["']https?:`,
    },
    weight: 2,
    inIsland: 5,
    inText: 5,
    channels: VALUES,
  },
  {
    id: 'rce-any-command',
    class: 'rce',
    title: 'nothing but a sign that separates commands, a word, and an option, a path or an address',
    view: 'shell',
    match: {
      regex: String.raw`^\s*(?:;|\|\|?|&&?|\n)\s?[a-z][a-z0-9_.+-]{1,24}\s+(?:-{1,2}[a-zA-Z]|/[a-z]|~/|\d+\.\d+\.\d+\.\d|https?://)`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 5,
    channels: VALUES,
  },
  {
    id: 'rce-nothing-in-name',
    class: 'rce',
    title: 'the name of a command with an empty substitution inside of it',
    view: 'raw',
    match: { regex: String.raw`[a-z]\$\(\s*\)[a-z]|(?:^|[;&|])\s*[a-z]{1,6}\x60\x60[a-z]` },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'rce-windows-start',
    class: 'rce',
    title: 'a program of Windows behind a sign that separates commands',
    view: 'shell',
    match: {
      regex: String.raw`(?:^\s*|[&|])[&|]\s*(?:start\s+(?:/\w+\s+)*)?(?:[\w:\\.-]+\.(?:exe|bat|cmd|vbs|hta|ps1)|calc|notepad|cmd|powershell)(?:\s|$|[&|/])`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'rce-option',
    class: 'rce',
    title: 'an option by which a tool runs a command or writes a file',
    view: 'decoded',
    match: {
      regex: String.raw`(?:^|\s)-o\s?(?:proxycommand|localcommand|permitlocalcommand|knownhostscommand|pkcs11provider)\s?=|(?:^|\s)--(?:upload-pack|receive-pack|checkpoint-action|to-command|use-askpass|use-compress-program|open-files-in-pager|init-command|post-file|rsh-command|proxy-command)=|^\s*--(?:exec|pager|eval|rsh)=\S|^\s*--(?:output|output-document|log-file|directory-prefix)=/(?:var/www|srv|etc|root|home|tmp|usr|opt|dev|proc)|\bext::(?:(?:ba|z|k|da)?sh|\S{1,24}\s)`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'rce-formula',
    class: 'rce',
    title: 'a formula of a table that starts a program or calls out (DDE)',
    view: 'decoded',
    match: {
      regex: String.raw`^\s*["']?[=+@-][^|\n]*\b\w+\|\s*['"][^!\n]*['"]\s*!\s*['"]?\w|^\s*["']?[=+@-]\s*(?:webservice|importxml|importdata|importhtml|importfeed|importrange|rtd|register\.id|call)\s*\(\s*["']|^\s*["']?[=+@-]\s*hyperlink\s*\([^)]*&`,
    },
    weight: 5,
    inIsland: 5,
  },
];
