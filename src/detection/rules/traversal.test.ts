import { testTable } from './attack-tables.contract.ts';

// Attack: a file name that leads out of the folder that it is meant for.
testTable('attack', {
  'a way up': [
    '../../../../etc/passwd',
    '..\\..\\..\\boot.ini',
    'images/../../../secret.txt',
    '/../',
    '....//....//etc/hosts',
  ],
  'in escapes': [
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '..%252f..%252fetc/passwd',
    '..%c0%af..%c0%afetc/passwd',
    '%uff0e%uff0e%u2215etc%u2215passwd',
    '..%00/..%00/etc/passwd',
  ],
  'in other signs': [
    '.\\/\\.\\.\\/\\.\\.\\/etc',
    '0x2e0x2e/0x2e0x2e/etc/passwd',
    '..;/..;/manager/html',
    '/./\\/././\\/./',
  ],
  'files of a system': [
    '/etc/shadow',
    '/proc/self/environ',
    'C:\\Windows\\System32\\config\\SAM',
    'c:/unattend.xml',
    '/var/log/apache2/access.log',
    '/root/.ssh/id_rsa',
  ],
  'streams of PHP': [
    'php://filter/convert.base64-encode/resource=index.php',
    'phar://a.zip/x',
    'expect://id',
    'convert.iconv.UTF8.CSISO2022KR',
    'zip://a.jpg#x',
    'data:text/plain,hi',
  ],
  'addresses of files': ['file:///etc/passwd', 'file:///c:/windows/win.ini', 'file://localhost/etc/hosts'],
  'programs from afar': [
    'http://203.0.113.7/shell.txt?',
    'http://203.0.113.7/a.php',
    'ftp://c2.example/x.txt?',
    'https://c2.example?',
  ],
}); // prettier-ignore

// Attack: a scanner asks for what was never meant to be served.
testTable(
  'attack',
  {
    'hidden files': [
      '/.git/config',
      '/.env',
      '/app/.aws/credentials',
      '/.svn/entries',
      '/a/.DS_Store',
      '/.vscode/sftp.json',
    ],
    'left behind': [
      '/backup.sql',
      '/db/dump.rdb',
      '/index.php~',
      '/wp-config.php.bak',
      '/site.old',
      '/WEB-INF/web.xml',
      '/server-status',
      '/keys/id.pem',
      '/actuator/env',
    ],
    'line ends': ['/a%0d%0aSet-Cookie:x=1', '/x%0ay'],
  },
  'path',
); // prettier-ignore

testTable(
  'attack',
  { 'variables of PHP': ['_SERVER[DOCUMENT_ROOT]', 'GLOBALS[x]', 'mosConfig_absolute_path', 'auto_prepend_file'] },
  'name',
);
testTable(
  'attack',
  {
    scanners: [
      'sqlmap/1.8#stable',
      'Mozilla/5.00 (Nikto/2.5.0)',
      'Mozilla/5.0 zgrab/0.x',
      'Nuclei - Open-source project',
      'gobuster/3.6',
    ],
  },
  'user-agent',
);

// Attack: the path stands between two polite sentences.
testTable('attack', {
  'wrapped in a sentence': [
    'Hello, could you please have a look at ../../../../var/www/x for me? Thank you.',
    'Dear team, the file is called ..%c0%af..%c0%afboot.ini and I can not open it, please help.',
    'Good morning, what is meant by /proc/self/environ on the page that you sent to us?',
  ],
});

testTable('honest', {
  'names of files and folders': [
    'report 2024.pdf',
    'C:\\Users\\Ann\\Documents\\plan.dwg',
    'img/logo.png',
    './plan.png',
    '/srv/data/meter7',
    '..',
    'v1.2..v1.3',
    'file:///home/ann/report.pdf',
  ],
  'topics and units': [
    'plant/north/pump/3/power',
    '$SYS/broker/uptime',
    '+/status/#',
    'kWh/m²/a',
    'AI/3/85',
    'ns=2;s=Pump.Speed',
    'm³/h',
    '3/4"',
    '1/2',
  ],
  'talk about systems': [
    'The file /etc/hosts on the gateway lists 10.0.0.5 plant-server; is that right?',
    'My nginx config is in /etc/nginx/nginx.conf and the log in /var/log/nginx/error.log.',
    "The line import { total } from '../../lib/total.js' does not work after the move of the file.",
  ],
}); // prettier-ignore
testTable(
  'honest',
  {
    'plain ways': [
      '/v1/twins/north-wing/readings',
      '/.well-known/openid-configuration',
      '/assets/app.3f2a.js',
      '/files/report.pdf',
      '/a.b/c.d',
      '/v1/exports/2024-01.csv',
    ],
  },
  'path',
);
