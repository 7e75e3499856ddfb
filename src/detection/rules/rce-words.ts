/** Lists that the rules of command execution share: the names are those of POSIX, GNU, GTFOBins and LOLBAS. */

/** Names that are no words of any talk, so that they tell a command wherever one may begin. */
export const NAMELESS_COMMANDS =
  'cat|tac|ls|ll|whoami|uname|wget|curl|ping6?|ncat|nc|netcat|socat|bash|sh|ksh|zsh|dash|tcsh|nslookup|netstat|ifconfig|' +
  'ipconfig|ps|pwd|sleep|echo|printf|awk|gawk|mawk|nawk|sed|grep|egrep|fgrep|zgrep|zcat|zstdcat|bzcat|xzcat|rm|mv|cp|cd|chmod|chown|chgrp|' +
  'killall|pkill|pgrep|printenv|sudo|mkdir|rmdir|gunzip|gcc(?:-?[\\d.]+)?|c[89]9|gdb|irb|scp|telnet|tftp|rsync|sendmail|crontab|nohup|' +
  'base32|base64|xxd|hexdump|lsof|useradd|adduser|usermod|systemctl|journalctl|systeminfo|tasklist|taskkill|wmic|cmd\\.exe|powershell(?:\\.exe)?|pwsh|' +
  'certutil|bitsadmin|rundll32|regsvr32|mshta|cscript|wscript|xcopy|schtasks|icacls|tracert|traceroute|getmac|sysinfo|qwinsta|nltest|dsquery|busybox|' +
  'whereis|xargs|apt-get|htop|lastlog|lastlogin|flock|mkfifo|mknod|strace|ltrace|tcpdump|nmap|iptables|dmesg|lsblk|lscpu|lsmod|lspci|lsusb|' +
  'setcap|getcap|chroot|unshare|nsenter|visudo|vipw|aptitude|dpkg|pip3?|gpasswd|readlink|realpath|mktemp|sysctl|arp|ss|env|' +
  'aa-\\w{2,12}|rmt-\\w{2,8}|ssh-\\w{3,8}(?:-\\w{2,4})?|run-parts|start-stop-daemon|bcdboot|bcdedit|regedit|vssadmin|wevtutil|hostname';
/** Commands that are columns of tables as well. */
export const COLUMN_COMMANDS = 'id|ip|ver|vol';
export const SURE_COMMANDS = `${COLUMN_COMMANDS}|${NAMELESS_COMMANDS}`;

/** Names that are words too: what follows tells whether they are meant as commands. */
const WORD_COMMANDS =
  'perl|python[23]?(?:\\.\\d{1,2})?|ruby|php\\d?|node|lua|csh|dig|find|head|tail|less|more|kill|reboot|shutdown|export|su|touch|tar|gzip|make|ssh|ftp|' +
  'mail|at|od|strings|rev|dd|df|du|mount|umount|who|w|last|uptime|date|finger|passwd|service|docker|podman|kubectl|dir|type|net1?|netsh|reg|cmd|' +
  'copy|del|erase|set|attrib|fsutil|route|test|true|false|exec|eval|source|alias|which|locate|history|time|watch|tee|sort|cut|wc|timeout|stat|' +
  'file|ln|yum|apt|apk|npm|npx|git|bridge|comm|fold|join|paste|split|perf|vi|vim|nano|ed|ex|screen|tmux|logger|install|nice|ansible(?:-[a-z]{3,10})?|chef-\\w{3,8}|' +
  'cscli|zip|unzip|openssl|psql|mysql|sqlite3|redis-cli|mongo|gem|bundle|cargo|go|java|expect|tclsh|jq|links|lynx|aria2c|wall|write|start|call';

export const COMMANDS = `${SURE_COMMANDS}|${WORD_COMMANDS}`;

/** Those that no honest value begins with, where an option, a path or an address follows. */
export const LINE_COMMANDS =
  'cat|ls|ll|uname|wget|curl|ping|nc|ncat|netcat|socat|bash|sh|ksh|zsh|nslookup|dig|netstat|ifconfig|ipconfig|echo|perl|python[23]?(?:\\.\\d{1,2})?|' +
  'ruby|php|rm|chmod|chown|sudo|telnet|dir|type|net|netsh|reg|wmic|cmd(?:\\.exe)?|powershell(?:\\.exe)?|pwsh|certutil|bitsadmin|mshta|rundll32|' +
  'regsvr32|find|head|tail|busybox|base64|base32|awk|sed|grep|kill|gunzip|zcat|zstdcat|bzcat|xzcat|zgrep|tar|env|xxd|od|strings|nohup|c[89]9|gcc|gdb|ssh|scp|tftp|rsync|mkfifo|more|less';

/** Those of them that tell of a machine or fetch, with whatever option; the others are talked of (`tail -f gateway.log`). */
export const TELLING_COMMANDS =
  'cat|ls|ll|uname|wget|curl|nc|ncat|netcat|socat|bash|sh|ksh|zsh|nslookup|netstat|ifconfig|ipconfig|dir|reg|wmic|cmd(?:\\.exe)?|powershell(?:\\.exe)?|pwsh|certutil|bitsadmin|mshta|rundll32|regsvr32|busybox|perl|python[23]?|ruby|php';

/** Where another command begins. */
export const SEPARATOR = String.raw`[;&|\n\r]`;
/** The same with the backtick, which is Markdown's sign of code too. */
export const SEPARATOR_OR_TICK = String.raw`[;&|\n\r\x60]`;
/** A folder of programs, the one that one is in, or one that is written with wildcards. */
const PROGRAM_FOLDER = String.raw`(?:[\w.?*:[\]/\\-]*[/\\]s?bin[/\\]|\.+[/\\]|/?\w*[?*[\]][\w?*[\]]*/|[\w:\\]*\\(?:system32|syswow64)\\)`;
/** What goes before a command: nothing that changes which one it is. */
export const PREFIX = String.raw`[\s({'"!@]*(?:(?:\w+=[^\s;&|]*|sudo|exec|nohup|time|command|env)\s+)*${PROGRAM_FOLDER}?`;
/** What a command takes and a word in a sentence does not. */
export const ARGUMENT = String.raw`(?:\s+(?:--?[a-z]|[/~$%*]|\.\.?/|["']|https?:|[a-z]:[\\/]|\d+\.\d+\.\d+\.\d)|<+|>>?\s?/)`;
/** What these alone take: a name and a number are two words of any list (`Cat 6;CP 340`). */
export const WAITS = String.raw`(?:u?sleep|kill|pkill|killall|timeout|nice|head|tail|shutdown|exit|wall|ping6?)\s+-?\d`;
