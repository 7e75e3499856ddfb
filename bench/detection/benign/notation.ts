import { values } from './values.ts';

/** Units, schedules, expressions, formulas and programs of controllers. */
export const notation = values`
Cat 6;CP 340
mv 5;
mV 5; mA 20; kV 110
5 V; 3 A; 15 W
kWh;m³;°C;%rH
0..10 V; 4-20 mA
DN 50; PN 16; 1/2"
2 x 1.5 mm²; NYM-J
3/4" or 1" pipe
12" x 5' x 3"
±0,5 %; <= 3 s; >= 5 bar
M8 x 1.25; H7/g6
IP 54; IK 08; T4
Ø 12; R 5; ∠ 45°
-40...+85 °C
1:100; 1/250
0x1F; 0b1010; 0o17
40001:2;40003:4
%MW100; %IX0.1; %QB4
DB10.DBX0.1; MW 20; T 5
ns=2;s="Line 1".Pump;i=5
1-0:1.8.0*255(000123.4*kWh)
AI,1;AV,5;BO,3
*/5 * * * *
0 0 * * MON-FRI; weekdays
15 3 1,15 * ?
@hourly
R/PT15M; P1DT2H
^[A-Z]{2}-\d{4}$
^(?!.*--)[a-z0-9-]+$
(?:kWh|MWh)\b
[^;,'"]+
\$\{[a-z_]+\}
^\s*#.*$
(a|b)*c+?
x^2 + 2*x - 5 = 0
e = m*c^2
f(x) = sin(2*pi*x)/x
sum(a[i], i=1..n)
1 + 1 = 2
1 or 2; 3 or 4
(5 + 3) * 2 / 4
x > 5 and x < 10
temp >= 20 && hum < 60
if temp > 5 then open else close
a ? b : c
!(a & b) | c
=SUM(A1:A10)
=IF(A1>5,"high","low")
=VLOOKUP(A2,Sheet2!A:B,2,FALSE)
=A1&" kWh"
=ROUND(B2*0.19,2)
{=MAX(IF(A1:A5>0,A1:A5))}
max(0, min(1, value / 100))
P = U * I * cos(phi)
y := y + 1;
IF x > 5 THEN y := 1; END_IF;
LD %IX0.0⏎AND %IX0.1⏎ST %QX0.0
U E 0.0;O E 0.1;= A 4.0
G1 X10 Y5 F300; move
M104 S200 ; set temperature
return msg.payload * 2;
msg.payload = msg.payload / 10; return msg;
value * 0.1 + 5
$sum(Account.Order.(Price * Quantity))
$.readings[?(@.kwh > 5)].ts
.items[] | select(.kwh > 5) | .name
rate(requests_total{job="api"}[5m]) > 0.5
avg by (site) (power_watts{phase!="n"})
name eq 'O''Neil' and price lt 5
status:open -label:wontfix "heat pump"
site == 'Roof'; floor =in= (1,2)
sort=-created,name&fields=id,name
weather,site=roof temp=21.5,hum=40i 1735689600000000000
`;

/** Markdown, HTML of editors, style sheets, placeholders and settings. */
export const markup = values`
# Pump 3⏎⏎- [x] greased⏎- [ ] bearing; see #12⏎⏎> it's loud
## How to⏎⏎1. \`sudo systemctl restart gateway\`⏎2. \`tail -f /var/log/gateway.log\`
| id | name |⏎|----|------|⏎| 1 | O'Brien |
[plan](../plans/hall-3.pdf "Hall 3") and ![photo](https://twin.example/p/1.jpg)
**Note:** \`kWh\` = energy; \`kW\` = power
\`\`\`sql⏎SELECT name FROM meters WHERE site = 'Roof';⏎\`\`\`
\`\`\`js⏎const t = readings.map((r) => r.kwh);⏎\`\`\`
~~old~~ *new*; <br> next line
<p>Hello <strong>Ann</strong>, it's done; see <a href="https://twin.example/t/5">ticket 5</a>.</p>
<h2>Report</h2><ul><li>one</li><li>two &amp; three</li></ul>
<p style="text-align:center;color:#333">Total: 5 kWh</p>
<table class="t"><thead><tr><th>A</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>
<blockquote>it's "fine"</blockquote><hr/><p>&nbsp;</p>
<figure class="image"><img src="/files/12.png" alt="Pump's label"><figcaption>Fig. 1</figcaption></figure>
<span class="mention" data-id="12">@ann</span>&nbsp;can you check?
<ol start="3"><li>three</li></ol><pre><code>x = 1; y = 2</code></pre>
.card > h2:first-child { color: #333; margin: 0 auto }
@media (max-width: 600px) { .menu { display: none; } }
a[href^="https://"]::after { content: " ↗"; }
:root { --gap: 4px; } .grid { gap: var(--gap); }
.alarm { animation: blink 1s infinite; background: rgba(255,0,0,.5); }
#main .x:not(.y) > li:nth-child(2n+1)
font-family: "Segoe UI", 'Helvetica Neue', sans-serif;
h1 {{ site }}: {{ count }} meters
Hello {{first_name}}, your reading of {{date}} is due.
$name, your $amount is ready
%name%: %value% %unit%
{0} of {1} meters read
{count, plural, one {# meter} other {# meters}}
Hi {user}! You've got {n} new message(s); see {link}
title: "Pump 3"⏎tags: [a, b]⏎---⏎It's text.
key = value⏎[section]⏎; a comment⏎path = /var/data
- name: pump⏎  unit: kWh⏎  limits: {low: 1, high: 5}
{"title":"Roof","panels":[{"type":"graph","targets":[{"expr":"up == 1"}]}]}
{"ops":[{"insert":"it's ok; done\n","attributes":{"bold":true}}]}
{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$ref":"#/$defs/a"}
{"@context":"https://www.w3.org/2022/wot/td/v1.1","@type":"Thing","forms":[{"href":"/p/1","op":["readproperty"]}]}
{"policyId":"a:b","attributes":{"manufacturer":"ACME; Inc.","note":"it's"}}
`;

/** Lines of logs, mails, certificates and configurations. */
export const logs = values`
2026-01-01 10:00:00,123 ERROR [main] o.e.Reader - java.lang.NullPointerException: Cannot invoke "Meter.id()" because "m" is null
Jan  1 10:00:00 gw01 sshd[812]: Failed password for root from 10.0.0.5 port 5022 ssh2
Jan  1 10:00:01 gw01 CRON[99]: (root) CMD (/usr/local/bin/backup.sh >/dev/null 2>&1)
Jan  1 10:00:02 gw01 kernel: [12.3] eth0: link up, 1000 Mbps; full duplex
gw01 systemd[1]: Started Gateway; it's up.
[2026-01-01T10:00:00Z] WARN mqtt: client 'pump-3' disconnected: keepalive timeout
10.0.0.5 - - [01/Jan/2026:10:00:00 +0000] "GET /v1/meters?page=2 HTTP/1.1" 200 512 "-" "curl/8.5.0"
level=info ts=2026-01-01T10:00:00Z msg="it's ready" id=5
E0101 10:00:00.000000 1 main.go:42] open /etc/gateway/config.yml: no such file or directory
Traceback (most recent call last):⏎  File "/app/main.py", line 5, in <module>⏎    import pump⏎KeyError: 'id'
TypeError: Cannot read properties of undefined (reading 'id')⏎    at Object.<anonymous> (/app/x.js:1:5)
error: relation "meters" does not exist at character 15
ERROR 1064 (42000): You have an error in your SQL syntax near 'x' at line 1
psql: error: connection to server at "localhost" (127.0.0.1), port 5432 failed
curl: (7) Failed to connect to 10.0.0.5 port 80: Connection refused
bash: pump: command not found
-bash: cd: /srv/plant: No such file or directory
ls: cannot access 'x': No such file or directory
make: *** [Makefile:5: all] Error 2
npm ERR! code ENOENT
docker: Error response from daemon: No such container: pump
Warning: include(config.php): failed to open stream: No such file or directory
Segmentation fault (core dumped)
0x7ffde5 in main () at main.c:5
HTTP/1.1 200 OK
POST /v1/readings 201 5ms
SIGTERM received; shutting down
alarm: PT-101 >= 5.5 bar or TT-101 > 80 °C
event=start;pump=3;by=ann
S7: DB10.DBW4 = 16#00FF; quality=GOOD
OPC UA: BadNodeIdUnknown (0x80340000); ns=2;s=Pump
modbus: slave 5: illegal data address (0x02)
From: Ann O'Brien <ann@twin.example>⏎To: bob@twin.example⏎Subject: Re: [ticket #5] it's fixed⏎⏎Hi Bob,⏎it works; thanks!
On Mon, Jan 5, 2026 at 10:00 AM Bob <bob@twin.example> wrote:⏎> it's loud; can you check?⏎> -- ⏎> Bob
-- ⏎Ann O'Brien⏎Plant 3; Hall 2⏎+49 (0)30 1234-5
Sent from my phone; please excuse typos
Best regards,⏎⏎Dr. Zoë D'Arcy | Head of Energy | T: +44 20 7946 0000
Forwarded message:⏎> From: a@b.example⏎> Date: 1/1/2026
BEGIN:VEVENT⏎DTSTART:20260101T100000Z⏎SUMMARY:It's service day; bring tools⏎END:VEVENT
BEGIN:VCARD⏎FN:Ann O'Brien⏎TEL;TYPE=work:+49301234⏎END:VCARD
-----BEGIN CERTIFICATE-----⏎MIIBszCCAVmgAwIBAgIU⏎-----END CERTIFICATE-----
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF ann@gw01
diff --git a/x.ts b/x.ts⏎@@ -1,2 +1,2 @@⏎-const a = 1;⏎+const a = 2;
services:⏎  db:⏎    image: postgres:16⏎    command: ["postgres", "-c", "x=1"]
FROM node:24⏎RUN npm ci && npm test⏎CMD ["node", "x.js"]
CN=Ann O'Brien,OU=Plant 3,DC=twin,DC=example
uid=ann,ou=people,dc=example
version=1.2.3; build=45; sha=0a1b2c
a=1&b=2;c=3
{"level":"error","msg":"can't open 'x'; retry in 5s","err":{"code":"ENOENT"}}
`;
