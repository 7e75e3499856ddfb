import { testTable } from './attack-tables.contract.ts';

// Attack: a tool tries whether a value is interpreted, by the shortest texts that would show it.
testTable('attack', {
  'a comparison that is a factor': ['(7=7)*7', '7*(8=8)', '(7=8)*0x70756d70', '(3<>4)*2 -- q', '9-(5=5)#'],
  'a wait as the second operand': [
    '7 rlike sleep(3)',
    '7 div sleep(3)',
    '7 mod sleep(3)',
    '7*sleep(3)',
    '7 % sleep(3)',
    '7^sleep(3)',
    '7 between sleep(3) and 9',
    "pump' regexp sleep(3)",
  ],
  'a blank that only a database takes for one': [
    '7);select--\ncase--\nwhen 7=7',
    "7';select#pump\ncase#pump\nwhen 7=7 then 1 end",
    '7/**_**/or/**_**/not/**_**/7=9',
    "9'))\u0002or\u00077=8",
  ],
  'a word with a comment inside': ['7 un/**/ion se/**/le/**/ct pin', "9')) o/**/r 7=8", '7) a/**/nd 7=9'],
  'numbers as bytes': ["-7' or binary 7=binary 8"],
  'a percent sign before each letter': ['%s%e%l%e%c%t %(%7%)', '7%u%n%i%o%n%a%l%l%s%e%l%e%c%t'],
  'a command between separators': ['&set&', ';env;', '| id |', '&& ver &&', '|dir&'],
  'a call that stops the program': [
    "q;exit(sha1('pump'));//",
    '";die(sha1(7));#',
    "'.print(crc32('q'));//",
    '; exit(strlen("pump")); /*',
  ],
  'a header behind an address, encoded twice': ['https%3A//twin.example%0D%0Apump%3A%201', '/meters%0d%0apump:%207'],
  'the stream of a file, which is its source': ['pump.asp::$DATA', 'docs::$INDEX_ALLOCATION'],
  'signs that close anything': ["7'pump<'\">pump", '7"pump<"\'>', 'north\u00bf\'"('],
});

testTable('honest', {
  'sums and comparisons': ['(7+8)*2', '3*(4-1)', '(a=b)', 'x = (7 = 7)', '(2=2)?', '(1=low, 2=high)', '10 % (net)'],
  'globs, dates and languages': [
    'order/**/and/**/x',
    '%Y%m%d%H%M%S',
    '%Y-%m-%dT%H:%M:%S%z',
    'C#\nand F#',
    'binary 1 = on',
    'Regards--\nfrom Ann',
  ],
  'what programs do at night': ['sleep 8h', 'deep sleep (2 h)', 'mod sleep', 'div class', 'sleep * 3'],
  'signs around words': ['Q&A', 'R&D', '; set point 21', '&c.', 'a | b | c'],
  'calls that are told of': ['press exit (twice); then wait', 'die (Maus); der (Hund) #2'],
  'addresses and mails': [
    'https://twin.example/a?body=Hello%0D%0ANote%3A',
    'https://twin.example/x\r\nNote: the pump is new',
    'mailto:ann@twin.example?body=Hi%0D%0ANote:',
  ],
  quotes: ['5\'11"', '"it\'s"', '(\'a\', "b")', '<"name">', "<'name'>", 'size 3\'"'],
});
