import type { Rule } from '../judge/types.ts';

/** What stands between two segments, however it was written. */
const SLASH = String.raw`(?:[^a-z0-9\s]|0x[25][cf]|%[0-9a-z][0-9a-z]|c[01])+`;
const WORD_END = '(?:[^a-z0-9]|$)';

/** Where systems keep the files of whatever runs on them. */
const PLACES = String.raw`(?:usr|opt|var|srv|home|root|users|library|private|volumes|program files(?: \(x86\))?|documents and settings|home2|programfiles|logs?|dev|mnt|tmp)`;
/** Folders that only a server that everybody knows, or the system itself, has. */
const SERVERS = String.raw`system|inetpub|xampp|lamp|wamp\w*|apache[\w.-]*|httpd|php\w*|mysql[\w.-]*|nginx[\w.-]*|tomcat\w*|filezilla[\w ]*|windows|winnt|sysprep|unattend(?:ed)?|system volume information|\$recycle\.bin|boot|proc|sys|minint|recycler`;
const KNOWN_LOGS =
  '(?:auth|secure|kern|dpkg|syslog|mail|daemon|cron|boot|dmesg|lastlog|faillog|user|audit|alternatives|fail2ban|vsftpd|proftpd|xferlog|exim\\w*|postfix|postgres\\w*|redis\\w*|mongod?|lighttpd|squid|samba)';
const PATH_END = String.raw`\s{0,2}(?:%00.{0,10}|\0.{0,10})?$`;

/** Files that attackers ask for: CWE-22, CWE-73, CWE-98, CAPEC-126. */
export const fileRules: readonly Rule[] = [
  {
    id: 'traversal-system-file',
    class: 'traversal',
    title: 'a file of the system, however its slashes are written',
    view: 'path',
    match: {
      regex:
        String.raw`(?:^|[^a-z0-9])etc${SLASH}(?:passwd|shadow|group|gshadow|issue|motd|fstab|crontab|sudoers|hostname|resolv\.conf|ssh|apache2?|httpd|nginx|mysql|my\.cnf|php|init\.d|profile|bashrc|inetd\.conf|vsftpd|proftpd|security|master\.passwd|network|sysconfig|syslog|logrotate|at\.|cron|pam|samba|redhat-release|debian_version|lsb-release|os-release|release|mtab|exports|snmp|ldap|lighttpd|pure-ftpd|chrootusers|ftpchroot|ftphosts|printcap|inittab|modules|termcap|aliases|environment|services|protocols|shells|timezone|tomcat|phpmyadmin|wu-ftpd|muddleftpd|login\.|webmin|postfix|postgresql)` +
        String.raw`|^(?:\S*[^a-z0-9])?etc${SLASH}hosts|windows${SLASH}(?:system32(?:$|[^a-z0-9\s])|win\.ini|system\.ini|repair|panther|debug|php\.ini|iis|explorer|notepad)|winnt${SLASH}|system32${SLASH}(?:drivers|config|cmd|inetsrv|license|eula|logfiles)` +
        String.raw`|proc${SLASH}(?:self|version|cmdline|environ|cpuinfo|meminfo|mounts|net|sched_debug|swaps|stat|partitions|modules|filesystems|devices|loadavg|uptime|ioports|interrupts|config\.gz|[0-9]{1,5}/)` +
        String.raw`|(?:^|[^a-z0-9])(?:boot|win|system)\.ini${WORD_END}|(?:^|[^a-z0-9])(?:web-inf|meta-inf)/|\.(?:bash_history|bash_profile|bashrc|ssh|htaccess|htpasswd|mysql_history|sh_history|netrc|npmrc|pgpass|aws|docker|kube|git/config|git/head|svn/entries|env)(?:/|$)|id_(?:rsa|dsa|ecdsa|ed25519)\b|authorized_keys|wp-config\.php|ntuser\.dat|pagefile\.sys|global\.asa`,
    },
    weight: 5,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'traversal-famous-file',
    class: 'traversal',
    title: 'one of the files that every attacker tries first',
    view: 'path',
    match: {
      regex: String.raw`(?:^|[^a-z0-9])etc${SLASH}(?:passwd|shadow)${WORD_END}|(?:^|[^a-z0-9])(?:boot|win)\.ini${WORD_END}`,
    },
    weight: 2,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'traversal-system-file-alone',
    class: 'traversal',
    title: 'a file that talk about systems seldom names, and nothing else',
    view: 'path',
    match: {
      regex: String.raw`^['"(]?(?:file:/*)?(?:[a-z]:)?/?(?:\.?/)*(?:etc/(?:group|crontab|issue|sudoers|mysql/[\w.]+)|proc/(?:version|mounts|net/\w+)|var/(?:www|lib/mysql|spool/cron)/[\w./-]+|boot/grub/[\w.]+|inetpub/[\w./]+)['")]?$|^(?:[\w./-]*/)?(?:\.env|\.git/(?:head|config)|\.ht(?:access|passwd)|wp-config\.php|web-inf/web\.xml)$|^(?:\.\./)+\.\.$`,
    },
    weight: 0,
    inIsland: 4,
  },
  {
    id: 'traversal-process',
    class: 'traversal',
    title: 'what the system tells of the process that reads it',
    view: 'path',
    match: {
      regex: `proc${SLASH}(?:self|[0-9]{1,5})${SLASH}(?:environ|cmdline|fd|maps|mem|root|cwd|exe|status|stat|mounts|net|cgroup)`,
    },
    weight: 2,
    inIsland: 3,
  },
  {
    id: 'traversal-secret-file',
    class: 'traversal',
    title: 'a file that nobody but an attacker speaks of by its path',
    view: 'path',
    match: {
      regex: String.raw`windows/(?:system32/config/(?:sam|system|security|software|regback|default|appevent|secevent)|repair/(?:sam|system|security|software|setup)|panther/\S*(?:unattend|sysprep|setup))|windows/system32/sysprep|(?:^|[^a-z0-9])(?:web-inf/web\.xml|meta-inf/context\.xml)|/\.ssh/(?:id_\w+|authorized_keys)|/\.(?:bash|mysql|sh|zsh|psql)_history|/\.aws/credentials|/\.kube/config\b`,
    },
    weight: 2,
    inIsland: 3,
  },
  {
    id: 'traversal-server-path',
    class: 'traversal',
    title: 'the absolute path of a configuration or log that servers have, or of any file of a server',
    view: 'path',
    match: {
      regex:
        String.raw`^[\s'"]{0,2}(?:[a-z]:)?/?(?:(?:${PLACES}|${SERVERS})[/.]|www/)(?:[^/\n]+/){0,10}[^/\n]*(?:\.(?:conf|cnf|cfg|config|ini|inf|sql|mdb|pem|key|crt|sam|evt|php|jsp|aspx?|properties|passwd|history|pwd)|access[._-]?log\w*|error[._-]?log\w*|logs?/(?:[\w-]+/)?${KNOWN_LOGS}\.log|logfiles|sam|system|security|software|messages|auth|secure|lastlog|wtmp|utmp|btmp|syslog|maillog|mail/\w{1,20}|spool/\S+|mysql[\w .]*/data/\S+|mysql/\S+\.(?:err|frm|myd|myi|ibd)|hosts|setupinfo|sysprep|apachectl|htdocs/\S+|php\d?/sessions/?|windows/temp/?|phpmyadmin/\S+|csc/\S+|desktop\.ini|passwd|shadow)${PATH_END}` +
        String.raw`|^[\s'"]{0,2}(?:[a-z]:)?/?(?:${PLACES}/(?:[^/\n]+/){0,3})?(?:${SERVERS})[/.](?:[^/\n]+/){0,10}[^/\n]*(?:\.(?:log|logs|err|pid|xml|txt|bak|old|db|dat|exe|bat|sh|ya?ml|gz)|logs?|sessions?)${PATH_END}`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'traversal-wrapper',
    class: 'traversal',
    title: 'an address that includes a file or a stream',
    view: 'decoded',
    match: {
      regex: String.raw`\b(?:php|phar|expect|zip|glob|ogg|rar|ssh2(?:\.\w{3,6})?|compress\.\w{3,6}|netdoc|jar|local_file|view-source)\s{0,2}:/{1,3}|\bdata:(?://)?text/(?:plain|html|xml)?[^,\s]{0,40},|\bdata:[^,\s]{0,60},\s?pd9|php://(?:filter|input)|\bconvert\.(?:base64-(?:en|de)code|iconv\.|quoted-printable)|\bstring\.(?:rot13|toupper|tolower|strip_tags)[/|]`,
    },
    weight: 5,
    inIsland: 3,
    inText: 1,
  },
  {
    id: 'traversal-file-address',
    class: 'traversal',
    title: 'the address of a file on the machine that reads it',
    view: 'decoded',
    match: { regex: String.raw`\bfile\s{0,2}:/{1,3}` },
    weight: 3,
    inIsland: 2,
  },
  {
    id: 'traversal-file-address-of-system',
    class: 'traversal',
    title: 'the address of a file of the system',
    view: 'path',
    match: {
      regex: String.raw`\bfile:/+(?:\w{1,20}/)?(?:etc|proc|sys|dev|var|usr|boot|root|opt|windows|winnt|inetpub|[a-z]:/)`,
    },
    weight: 3,
    inIsland: 3,
  },
  {
    id: 'traversal-windows-setup',
    class: 'traversal',
    title: 'what the setup of Windows, or PHP on it, leaves behind',
    view: 'path',
    match: {
      regex: String.raw`^[a-z]:/(?:\w{0,20}/)?(?:sysprep|unattend(?:ed)?)\.\w{3}$|^[a-z]:/(?:php\d?/sessions?|windows/temp|windows/csc/.*|\$recycle\.bin/.*|system volume information/.*)/?$`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'traversal-machine-secret',
    class: 'traversal',
    title: 'a secret, socket or setting of containers, clusters and frameworks',
    view: 'path',
    match: {
      regex: String.raw`(?:^|[^a-z0-9])(?:var/)?run/(?:secrets/[\w.-]|docker\.sock|containerd/containerd\.sock|crio/crio\.sock|podman/podman\.sock)|/var/lib/(?:kubelet|docker|containerd|etcd)/\w|(?:^|[^a-z0-9])etc/(?:kubernetes/|ssl/private|rancher/|letsencrypt/|docker/|wireguard/|krb5\.keytab|vault\.d/)|(?:^|[\s/'"])\.dockerenv\b|(?:^|/)config/(?:database\.yml|secrets\.yml|master\.key|credentials\.yml|parameters\.yml)|~root/\.\w|/\.(?:azure|gnupg|kube|config/gcloud|terraform\.d)/`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'traversal-secret-alone',
    class: 'traversal',
    title: 'a path to what only attackers ask for, by itself',
    view: 'path',
    match: {
      regex: String.raw`^['"(]?(?:[a-z]:)?(?:[\w.-]*/)*(?:etc/(?:passwd|shadow|gshadow|sudoers)-?|proc/(?:self|\d+)/(?:environ|cmdline|fd/\d+)|\.ssh/\w+|\.(?:bash|zsh|mysql|psql)_history|windows/system32/config/\w+|(?:windows/)?(?:win|boot)\.ini|ntuser\.dat|wp-config\.php)(?:/\.?)*['")]?[.,;:!?]{0,2}(?:\s\w+)?$|^['"(]?(?:\.\./)+(?:[\w-]+/)*\.(?:env|git|svn|hg|ht\w+|ssh|aws|npmrc|netrc)\b|^['"(]?(?:[\w.-]*/)+(?:\.env|\.git/(?:head|config|index)|\.htpasswd)['")]?[.,;:!?]{0,2}(?:\s\w+)?$`,
    },
    weight: 1,
    inIsland: 5,
  },
  {
    id: 'traversal-share',
    class: 'traversal',
    title: 'a share of Windows by way of the web, or its pipes',
    view: 'raw',
    match: {
      regex: String.raw`^\s*\\\\[\w.-]+@(?:\d{2,5}|ssl)(?:@\d+)?\\|^\s*\\\\[.?]\\(?:pipe|unc|globalroot|[a-z]:)\\|^\s*(?:\\|%5c){2}\d+\.\d+\.\d+\.\d+(?:\\|%5c)[\w$]`,
    },
    weight: 5,
    inIsland: 4,
  },
];
