import type { Probe } from '../probe.ts';
import { mixedRequest, requestProbe, uploadRequest } from '../upload.ts';

const README = `# Gateway

Install it with \`curl -fsSL https://twin.example/install.sh | sudo bash\`, then:

\`\`\`sh
cat /etc/gateway.conf; id && ls -la /var/log | grep gateway
rm -rf /tmp/gateway
\`\`\`

\`\`\`sql
SELECT * FROM meters WHERE id = 1 OR 1=1; DROP TABLE old; --
\`\`\`

\`\`\`php
<?php echo $title; phpinfo(); ?>
\`\`\`

Templates: {{ config.items() }}, \${7*7}, <%= name %>. Pages: <script>alert(1)</script>. Files: ../../etc/passwd.
`;
const SVG_HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"';

/** Files that are text by nature, as honest people upload them. */
const FILES: readonly (readonly [name: string, type: string, content: string])[] = [
  ['README.md', 'text/markdown', README],
  ['centred.md', 'text/markdown', `<h1 align="center">Gateway</h1>\n\n${README}`],
  ['notes.txt', 'text/plain', "The scanner sent ' or 1=1 -- and <script>; it's in the log.\n"],
  ['plant.csv', 'text/csv', "id;name;note\n1;O'Neil;5\n2;x -- y;=SUM(A1:A3)\n3;D'Arcy; select 1\n".repeat(200)],
  ['plan.svg', 'image/svg+xml', `${SVG_HEAD}>\n<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h1"/></svg>`],
  [
    'logo.svg',
    'image/svg+xml',
    `${SVG_HEAD} [<!ENTITY ns_svg "http://www.w3.org/2000/svg">]>\n<svg xmlns="&ns_svg;"><foreignObject/></svg>`,
  ],
  [
    'map.svg',
    'image/svg+xml',
    '<svg xmlns="http://www.w3.org/2000/svg"><g onclick="zoom(1)"/><script>var t = document.title; zoom(2)</script></svg>',
  ],
  [
    'sketch.svg',
    'image/svg+xml',
    '<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="file:///home/ann/logo.png"/></svg>',
  ],
  [
    'report.html',
    'text/html',
    '<!doctype html><html><head><script src="a.js"></script><style>@import "x.css";</style></head><body onload="init()"><form action="https://twin.example/s"><input name=q></form><iframe src="https://maps.example/"></iframe></body></html>',
  ],
  [
    'schema.xsd',
    'application/xml',
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="base.xsd"/></xs:schema>',
  ],
  [
    'style.xsl',
    'text/xml',
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><xsl:value-of select="a"/></xsl:template></xsl:stylesheet>',
  ],
  ['book.xml', 'text/xml', '<book xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="chapter1.xml"/></book>'],
  [
    'Info.plist',
    'application/xml',
    '<?xml version="1.0"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0"><dict/></plist>',
  ],
  ['read.py', 'text/x-python', 'import os, subprocess\nsubprocess.run(["ls", "-la"])\nos.system("id")\n'],
  ['app.js', 'text/javascript', "const { exec } = require('child_process');\nexec('id');\ndocument.cookie;\n"],
  [
    'deploy.sh',
    'application/x-sh',
    '#!/bin/sh\nset -e\nid; cat /etc/hosts | grep twin\ncurl -s https://twin.example | bash\n',
  ],
  ['dump.sql', 'application/sql', "DROP TABLE IF EXISTS a;\nINSERT INTO a SELECT 1, 'x' UNION SELECT 2, 'y';\n"],
  ['pump.st', 'text/plain', "IF x > 5 THEN y := 1; END_IF; (* it's on *)\n"],
  ['part.gcode', 'text/x-gcode', 'G28 ; home\nM104 S200 ; heat\nG1 X10 Y5 F300\n'],
  [
    'house.ifc',
    'application/x-step',
    "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION(('View'),'2;1');\n#1=IFCPROJECT('0Yv',#2,'P',$,$,$,$,(#20),#7);\n",
  ],
  [
    'Dockerfile',
    'application/octet-stream',
    'FROM debian\nRUN apt-get update && apt-get install -y curl; rm -rf /var/lib/apt\n',
  ],
  [
    'compose.yaml',
    'application/yaml',
    'services:\n  db:\n    command: ["sh", "-c", "psql -c \'select 1\'; sleep 5"]\n',
  ],
  [
    'mail.eml',
    'message/rfc822',
    "From: ann@twin.example\r\nSubject: it's done\r\nX-Id: 5\r\n\r\nSee ../x; thanks -- Ann\r\n",
  ],
  ['gateway.log', 'text/plain', '10.0.0.5 "GET /?q=1%27%20union%20select%201-- HTTP/1.1" 403\n'.repeat(50)],
  ['page.j2', 'text/plain', '{% for m in meters %}{{ m.name | upper }}{{ 7 * 7 }}{% endfor %}\n'],
  ['twin.json', 'application/json', '{"name":"Roof","note":"it\'s fine","limits":[1,5]}'],
  [
    'form.pdf',
    'application/pdf',
    '%PDF-1.4\n1 0 obj\n<< /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>\nendobj\n',
  ],
];

const HTTP = 'application/http\r\nContent-Transfer-Encoding: binary';
const SOAP =
  '<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><read id="1"/></soap:Body></soap:Envelope>';

/** Uploads, batches and messages with attachments. */
export const uploads: readonly Probe[] = [
  ...FILES.map(([name, type, content]) => requestProbe(`upload ${name}`, uploadRequest(name, type, content))),
  requestProbe(
    'batch of requests',
    mixedRequest('mixed', [
      [
        HTTP,
        "GET /odata/Sites('ROOF')?$filter=Name%20eq%20'O''Neil' HTTP/1.1\r\nHost: twin.example\r\nAccept: application/json\r\n\r\n",
      ],
      [
        HTTP,
        'POST /odata/Meters HTTP/1.1\r\nContent-Type: application/json;odata.metadata=minimal\r\n\r\n{"Name":"Pump 3"}',
      ],
      [HTTP, 'DELETE Meters(5) HTTP/1.1\r\nIf-Match: W/"x"\r\n\r\n'],
    ]),
  ),
  requestProbe(
    'batch with a change set',
    mixedRequest('mixed', [
      [
        'multipart/mixed; boundary=cs',
        `--cs\r\nContent-Type: ${HTTP}\r\nContent-ID: 1\r\n\r\nPATCH https://twin.example/odata/Meters(1) HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{"Name":"Roof"}\r\n--cs--`,
      ],
    ]),
  ),
  requestProbe(
    'batch of JSON',
    mixedRequest('mixed', [
      ['application/json', '{"a":1}'],
      ['application/json', '[2]'],
    ]),
  ),
  requestProbe(
    'message with attachment',
    mixedRequest('related', [
      ['text/xml', SOAP],
      ['text/plain', 'a; b'],
    ]),
  ),
];
