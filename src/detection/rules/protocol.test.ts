import { testTable } from './attack-tables.contract.ts';

// Attack: a value goes into a header and brings headers, or a whole answer, of its own.
testTable('attack', {
  'a header behind a line end': [
    'en\r\nSet-Cookie: sid=1',
    '%0d%0aContent-Length:%200',
    '\nLocation: https://evil.example',
    'x\r\nX-Forwarded-For: 127.0.0.1',
  ],
  'an answer or a request': [
    'a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n<html>',
    'a\nGET /admin HTTP/1.1',
    'GET http://evil.example/ HTTP/1.1',
  ],
  'the end of a text in C': ['report.pdf\0', 'shell.php\0.jpg'],
  'a socket of the proxy': ['unix:AAAA|http://c2.example/'],
  'a directive for the server': ['<!--#exec cmd="id" -->', '<!-- #include virtual="/x" -->'],
});

testTable('honest', {
  'lines of a form': [
    'North wing\r\nLocation: hall 2',
    'Dear Ann,\nSubject: the pump\nhost: none',
    'Status:\nok',
    'GET a life',
    'POST office',
  ],
  'texts in UTF-16': ['p\0u\0m\0p\0', '\0k\0W\0h'],
});
