import { testTable } from './attack-tables.contract.ts';

// Attack: a link to our login leads to the attacker's host afterwards.
testTable('attack', {
  'a host without a scheme': [
    '//evil.example',
    '///evil.example/a',
    '/\\evil.example',
    '\\\\evil.com',
    '\\/\\/evil.example',
    '/%09/evil.example',
    '//evil.example/%2f..',
    '////evil.example//',
  ],
  'a scheme without slashes': [
    'https:evil.example',
    'http:/evil.example/x',
    '/https://evil.example',
    'https:///evil.example',
    'https:\\\\evil.example',
    '/https:evil.example',
  ],
  'one host as the user of another': [
    'https://www.good.example@evil.example',
    '//good.com@evil.example',
    'https://evil.example\\@good.example',
    'https://good.com:443@evil.example/',
  ],
  'two hosts': ['https://good.com&evil.com', '//good.com,evil.com'],
  'odd forms of an address': [
    'http://3627734734',
    'http://0xd8.0x3a.0xd6.0xce',
    'http://0330.072.0326.0316',
    'http://127.1/',
    'http://[::ffff:216.58.214.206]/',
    'http://472.314.470.462',
    'http:0xd8.3856078',
  ],
  'letters that are folded': ['//evil%E3%80%82example', 'http://ⓔⓥⓘⓛ.example'],
  'all in escapes': ['%68%74%74%70%3a%2f%2f%65%76%69%6c', 'https://%65%76%69%6c%2e%63%6f%6d'],
  'inside of an address': ['/login?next=//evil.example', 'https://good.example/out?url=/\\evil.example'],
}); // prettier-ignore

// Attack: the server asks what the attacker can not reach.
testTable('attack', {
  metadata: [
    'http://169.254.169.254/latest/meta-data/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://metadata.google.internal/computeMetadata/v1/',
    'http://100.100.100.200/latest',
    'http://169。254。169。254/',
    'http://[fd00:ec2::254]/',
  ],
  schemes: [
    'gopher://127.0.0.1:6379/_FLUSHALL',
    'dict://localhost:11211/stat',
    'tftp://c2.example/x',
    'jar:http://c2.example/a.jar!/',
    'netdoc:///etc/passwd',
  ],
  'the machine itself': [
    'http://localhost:22/',
    'http://127.0.0.1:6379',
    'http://[::1]:9200/_cat',
    'http://0/',
    'http://[::]/',
    'http://10.0.0.1.nip.io/',
    'http://localhost6/',
  ],
}); // prettier-ignore

testTable('honest', {
  'addresses to come back to': [
    '/v1/twins?sort=name',
    'https://app.example.com/callback',
    'https://app.example.com/cb?next=/home',
    'http://localhost:3000/callback',
    '/login?next=https://app.example.com/',
  ],
  'of devices': [
    'http://192.168.1.10/',
    'http://10.0.0.5:8080/status',
    'coap://[fe80::1]/sensors/temp',
    'http://[2001:db8::1]:8080/',
    'opc.tcp://10.0.0.5:4840/plant',
    'modbus://10.0.0.5:502/1',
    'mqtts://broker.example:8883',
  ],
  'with a user': [
    'https://ann@example.org/a',
    'postgres://twin@db.example/twins',
    'ann.smith@example.com',
    'mailto:ann@example.com',
  ],
  'of many forms': [
    'https://example.com?email=ann@example.org',
    'https://web.archive.org/web/2020/https://example.org/',
    'https://example.org/a//b',
    'see https://example.org/a?',
    '// TODO',
    '1.5',
  ],
}); // prettier-ignore
