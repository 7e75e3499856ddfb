// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are payloads, not templates
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createJudge } from '../judge/judge.ts';
import { ALL_RULES } from './all.ts';

const ATTACKS: Readonly<Record<string, readonly string[]>> = {
  sums: [
    '{{7*7}}',
    '${7*7}',
    '<%= 7*7 %>',
    '#{7*7}',
    '*{7*7}',
    '@(7*7)',
    '{7*7}',
    '{{=7*7}}',
    '${{7*7}}',
    "{{7*'7'}}",
    '[[${7*7}]]',
    '{%print(7*7)%}',
  ],
  'Jinja and Twig': [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    '{{ config.items() }}',
    '{{ self._TemplateReference__context }}',
    "{{ request|attr('application')|attr('\\x5f\\x5fglobals\\x5f\\x5f') }}",
    "{{['id']|filter('system')}}",
    "{{_self.env.registerUndefinedFilterCallback('exec')}}{{_self.env.getFilter('id')}}",
    '{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}',
    "{% import 'os' as os %}",
    '{{ dump(app) }}',
    "{{ include('/etc/passwd') }}",
  ],
  Java: [
    '<#assign x="freemarker.template.utility.Execute"?new()>${x("id")}',
    '${"freemarker.template.utility.Execute"?new()("id")}',
    "#set($x='')#set($rt=$x.class.forName('java.lang.Runtime'))",
    '${T(java.lang.Runtime).getRuntime().exec("id")}',
    '*{T(org.apache.commons.io.IOUtils).toString(1)}',
    "__${new java.util.Scanner(T(java.lang.Runtime).getRuntime().exec('id').getInputStream()).next()}__::.x",
    "${''.getClass().forName('java.lang.Runtime')}",
    '{{ variable.getClass().getName() }}',
    "{% set cmd = 'id' %}",
  ],
  'Ruby, Node and others': [
    '<%= system("id") %>',
    '<%= File.open("/etc/passwd").read %>',
    "#{global.process.mainModule.require('child_process').execSync('id')}",
    '{{#with "s" as |string|}}{{/with}}',
    "{{constructor.constructor('alert(1)')()}}",
    "${require('child_process').execSync('id')}",
    '@{ System.Diagnostics.Process.Start("cmd"); }',
    '{php}echo `id`;{/php}',
    "{system('id')}",
    '{{range.constructor("return process")()}}',
    '{{ [].pop.constructor }}',
  ],
  tries: [
    '${{<%[%\'"}}%\\',
    '{{}}',
    '{{config}}',
    '{{settings.SECRET_KEY}}',
    '{% debug %}',
    '${env.SECRET}',
    '{{this}}',
  ],
};

const HONEST: readonly string[] = [
  '{{name}}',
  'Hello {{user}}, meter {{meter.id}} is at ${value} kWh!',
  'Dear {{first_name | capitalize}}, your bill of {{ bill.total }} is ready on {{date}}.',
  'Our template says {{ user.name | upper }} and it prints the braces; why?',
  "In Jinja you'd write {% if kwh > 10 %}high{% endif %}; what's the syntax here?",
  'Use <%= name %> for ERB and @Model.Name for Razor; ours is {{name}}.',
  'In the mail I get "Hello ${user.firstName}" instead of the name.',
  '{"kwh": 3.5, "tags": ["a", "b"], "inner": {"x": {"y": 1}}}',
  '[["kwh",">",10],"and",["status","=","open"]]',
  '/api/v1/meters/{id}/readings?from={from}',
  '=SUM(B2:B20)*1.19',
  'It costs $5 {about 4 EUR} or #3 {see below}; 2*3 = 6.',
  'rate(meter_kwh_total{job="node"}[5m]) * 60',
  '^[A-Z]{2}\\d{4}(-[a-z]+)?$',
];

const judge = createJudge({ rules: ALL_RULES });
after(() => judge.dispose());
const scoreOf = (text: string): number => judge.judge(text, 'value')?.score ?? 0;
const said = (text: string): string => JSON.stringify(judge.judge(text, 'value')?.hits);

for (const [technique, payloads] of Object.entries(ATTACKS)) {
  test(`template injection by ${technique} is seen`, () => {
    // Attack: an expression that the server's template engine would run.
    for (const payload of payloads) assert.ok(scoreOf(payload) >= 5, `${payload} ${said(payload)}`);
  });
}

test('templates of names and paths alone pass', () => {
  for (const text of HONEST) assert.ok(scoreOf(text) < 5, `${text} ${said(text)}`);
});
