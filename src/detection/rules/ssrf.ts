import type { Rule } from '../judge/types.ts';

/** Up to the host of an address. */
const TO_HOST = String.raw`(?:\b[a-z][a-z0-9+.-]{1,12}:|^)[/\\]{1,3}(?:[^/\s@]*@)?`;
const HOST_END = String.raw`(?:[:/?#\\\s"'&]|$)`;

/** Requests that a server is talked into: CWE-918, CAPEC-664. */
export const ssrfRules: readonly Rule[] = [
  {
    id: 'ssrf-metadata',
    class: 'ssrf',
    title: 'the address at which a cloud tells its machines their secrets, however it is written',
    view: 'decoded',
    match: {
      regex: String.raw`${TO_HOST}\[?(?:(?:[0:]*:)?(?:ffff:)?169\.254\.(?:169\.254|170\.2|169\.253)|(?:[0:]*:)?ffff:a9fe:a9fe|fd00:ec2::254|100\.100\.100\.200|192\.0\.0\.192|metadata\.(?:google\.internal|tencentyun\.com|azure\.com|goog)|instance-data(?:\.ec2\.internal)?|rancher-metadata|0*251\.0*376\.|0xa9\.0xfe|0xa9fea9fe|2852039166|169[\x{3002}\x{ff61}]254)`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'ssrf-metadata-path',
    class: 'ssrf',
    title: 'what is asked of the metadata of a cloud',
    view: 'decoded',
    match: {
      regex: String.raw`/latest/(?:meta-data|user-data|dynamic/instance|api/token)|/computemetadata/v1|/metadata/(?:instance|v1|identity)|/opc/v[12]/instance|/openstack/(?:latest|20\d\d)|/latest/meta_data`,
    },
    weight: 2,
    inIsland: 2,
  },
  {
    id: 'ssrf-scheme',
    class: 'ssrf',
    title: 'the scheme of a protocol that attackers make servers speak',
    view: 'decoded',
    match: {
      regex: String.raw`(?:^|[=\s"'(,<>])(?:gopher|dict|tftp|netdoc|jar:https?|ldapi|xri|rsync|finger|smtp|imap|pop3|telnet|ssh2\.\w{3,6}):/{1,3}[^\s/]|\bgopher:/`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'ssrf-inner-service',
    class: 'ssrf',
    title: 'a port of the machine itself at which no page answers',
    view: 'decoded',
    match: {
      regex: String.raw`${TO_HOST}(?:localhost\d?(?:\.local(?:domain\d?)?)?|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|0\.0\.0\.0|\[[0:]*:?(?:ffff:(?:127\.|7f00:))?[0-9.:]*1?\]|0|host\.docker\.internal):(?:2[0-9]|53|110|111|135|139|143|389|445|512|513|514|636|873|1099|1433|1521|2049|2181|2375|2376|2379|3306|3389|4369|5432|5672|5900|5984|6379|6443|8086|8500|9000|9042|9092|9200|9300|10250|10255|11211|15672|27017|50070)${HOST_END}`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'ssrf-inner-name',
    class: 'ssrf',
    title: 'a name that machines have for themselves and their neighbours alone',
    view: 'decoded',
    match: {
      regex: String.raw`//[^/\s@]+@(?:127\.\d{1,3}\.|10\.|192\.168\.|169\.254\.|localhost\b)[\d.]*(?::\d+)?@|(?:^|[/@])(?:localhost/$|localhost[46](?:\.localdomain[46])?|(?:ip6|ipv6)-(?:localhost|loopback)|(?:host|gateway|kubernetes)\.docker\.internal|kubernetes\.default(?:\.svc(?:\.cluster\.local)?)?|[\w.-]+\.(?:nip|sslip|xip)\.io|localtest\.me|lvh\.me|vcap\.me|lacolhost\.com|spoofed\.burpcollaborator\.net)(?:[:/?#]|$)`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'ssrf-odd-address',
    class: 'redirect',
    title: 'the address of a host in numbers that no honest address is written in',
    view: 'decoded',
    match: {
      regex:
        String.raw`(?:^|\b(?:https?|ftps?|wss?):)(?:[/\\]{2})(?:[^/\s@]*@)?` +
        String.raw`(?:0x[0-9a-f]{1,8}(?:\.(?:0x[0-9a-f]{1,8}|\d{1,10})){0,3}|\d{8,10}|0\d{3,11}(?:\.\w{1,12}){0,3}|0[1-7]\d{1,2}\.\w{1,12}(?:\.\w{1,12}){0,2}|\d{1,3}(?:\.\d{1,3}){0,2}\.(?:0x[0-9a-f]{1,8}|\d{4,10}|0\d{2,11})(?:\.\w{1,12})?|\d{1,3}\.\d{1,3}(?:\.\d{1,3})?|(?:\d{1,3}\.){0,3}(?:2[6-9]\d|[3-9]\d\d)(?:\.\d{1,3}){1,3}|0)${HOST_END}`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'ssrf-mapped-address',
    class: 'redirect',
    title: 'an address of IPv4 inside of one of IPv6, or one of the machine itself',
    view: 'decoded',
    match: {
      regex: String.raw`[/@:]\[(?:[0:]*:(?:ffff:)?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{4}:[0-9a-f]{4})|[0:]*:[01]?|[a-z0-9]{1,4}::|fe80:[^\]]*%[^\]]*)\]`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'ssrf-enclosed-letters',
    class: 'redirect',
    title: 'a host in letters or dots that are folded into plain ones',
    view: 'decoded',
    match: {
      regex: String.raw`(?:[a-z]{2,8}:[/\\]{1,3}|^[/\\]{2,})[^/\s?#]*(?:[\x{2460}-\x{24ff}\x{2070}-\x{209f}\x{1d400}-\x{1d7ff}]|[\w-][\x{3002}\x{ff61}][\w-])`,
    },
    weight: 5,
    inIsland: 3,
  },
];
