import { values } from './values.ts';

/** More of the same, in other words and other systems. */
export const lateShift = values`
dir A/B
(*)
*
(x) *)
(* pump 3 *)
(* comment *) x := 1;
**)
5*)
**bold (x*)**
Pumpe 2 steht; Sicherung F3 gefallen, Ersatz bestellt
Filter gewechselt -> Δp 0,3 bar; vorher 1,1 bar
Ventil V12 zu, V13 auf; Druck = 4,2 bar
"Not-Halt" betätigt; 2x quittiert
Remplacer l'huile; 5 L ISO VG 46
c'est le moteur d'en bas; il vibre
Sonde n°5 HS; valeur = NaN
El motor no arranca; fusible = roto
Cambiar filtro (F-22) y/o junta; ver plano nº 7
night shift: drain opened, select valve stuck; reported
union nut on line 4 leaks
Drop test passed; insert replaced
alter setpoint from 40 to 45 and update label
Gauge reads 3 > limit 2.5; and rising
having issues with sensor 4 or 5
A16B-3200-0600/05C
1794-IB16/A
RS 285-0411
EAN 4006381333931
SAP 10004711/20
KKS 1LAB10AP001
=W3.H2-P01:1
-X1:5/6
+S1-K3
=A01+B02-K3:A1
XV_101.OUT/CMD
FIC-101.PV>=FIC-101.SP
[PLC]Motor[3].Speed
DB100,REAL4,5
V area: VW100;VB20
ns=3;s="DB_Recipe"."Items"[2]."Name"
ns=4;g=09087e75-8e5e-499b-954f-f2a9603db28a
i=85;ns=0
/site/a/area/b/line/c
zigbee2mqtt/pump_3/set
$aws/things/pump-3/shadow/update/delta
tele/+/SENSOR
cmnd/pump/POWER ON
dev/select/from/hall
factory/1/or/2/status
iso.3.6.1.2.1.1.3.0 = Timeticks: (123456) 0:20:34.56
snmpget -v2c -c public 10.0.0.5 1.3.6.1.2.1.1.1.0
mosquitto_sub -h broker -t 'plant/#' -v
modpoll -m tcp -a 1 -r 100 -c 10 10.0.0.9
I ran \`npm ci\` then \`npm start\`; ok
Ran: sudo systemctl restart gateway
PS C:\> Get-Date
cmd prompt shows C:\Windows>
see /etc/hosts on gw01
edit /etc/fstab to mount nas
/var/log/gateway/2026-03-01.log
/srv/data/export.csv.gz
/opt/ignition/logs/wrapper.log
/home/operator/Desktop/notes.txt
/usr/local/share/twin/scene.json
/media/usb0/photos/IMG_0012.JPG
/proc/cpuinfo shows 4 cores
/tmp/upload-1234.part
C:\TwinCAT\3.1\Boot\Plc\Port_851.app
C:\inetpub\ftp\plant
E:\Data\2026\*.csv
%USERPROFILE%\Desktop\list.xlsx
\\srv-hist01\d$\archive
file:///C:/Users/ann/report.pdf
smb://nas/plant/photos
0,30 6-18/2 * * 1-5
CRON_TZ=Europe/Berlin 0 3 * * *
@daily /opt/twin/rotate.sh
5 4 * * sun /usr/bin/find /var/tmp -mtime +7
HR40001=1234;IR30005=99
0x03|0x006B|0x0003
00 01 00 00 00 06 11 03 00 6B 00 03
1:coil:17=on
4x00001-4x00010 R/W INT16
^\[(?<ts>[^\]]+)\] (?<level>\w+): (?<msg>.*)$
^(?:25[0-5]|2[0-4]\d|1?\d?\d)$
(?=.*\d)(?=.*[a-z]).{8,}
/^pump-\d+$/i
[^\x20-\x7E]
tag=~"P.*|V.*"
|~ "error|warn"
{job="gw"} |= "timeout" != "debug"
from(bucket:"plant") |> range(start:-1h)
status:(open OR waiting) AND site:3
$filter=kwh gt 5 and site eq 'Roof'&$top=10
a ≠ b; a ≤ b ⇒ c
∑ x_i / n
f'(x) = 2x
x' = A x + B u
5' 10" tall
6'-0" x 3'-6"
12'3" - 5"
min{a, b} + max{c, d}
log10(x)+ln(y)-exp(z)
if(x>0;x;0)
=SVERWEIS(A2;Tabelle1!A:B;2;FALSCH)
=WENN(UND(A1>5;B1<3);"ok";"nok")
=SOMME(A1:A9)/NB(A1:A9)
1e-3 A; 2e3 V
1/min; kg/s; J/(kg·K)
100 % rel. F.
Rue de l'Abbé-Grégoire 5; 2e ét.
Straße des 17. Juni 135; Tor "B"
Plaza d'Espanya, 1-3; 4º 2ª
Apt 4B; 12 Drop Lane; Union City
Ul. Krótka 5/7 m. 3
https://x.example/a?redirect=%2Fhome%3Ftab%3D1&lang=de&exp=1735689600&sig=ab%2Bcd%3D
https://x.example/export?cols=id,name,kwh&where=site%3D3&order=ts%20desc&limit=10
https://u:8443/api/v2/query?db=plant&q=mean(kwh)
/api/twins?sort=-ts&include=meters,site&page[size]=50&page[number]=2
ldap://dc1.plant.example/ou=People,dc=plant,dc=example
sftp://ann@nas01.plant.example/home/ann
tel:+49-89-123;ext=5
mailto:ops@plant.example?subject=Pump%203&body=it%27s%20loud
eyJhbGciOiJub25lIn0.e30.
sess_4b7c; Path=/; HttpOnly
csrf=abc; theme=dark; lang=de
cGFzc3dvcmQ6IG5vbmU7IG9yIDE=
U0VMRUNUIHZhbHZlIDM=
L3Zhci9sb2cvYXBwLmxvZw==
data:image/png;base64,iVBORw0KGgo=
7B2261223A317D
\x02\x10\x03
0a:1b;2c:3d
{"when":{"$date":"2026-01-01T00:00:00Z"}}
{"$oid":"507f1f77bcf86cd799439011"}
{"a":"b;c","d":"e|f","g":"h&i"}
"{\"cmd\":\"start\",\"id\":3}"
Best,⏎Conor O'Neill | Energy⏎T +353 1 234; F +353 1 235⏎"Select the best"
Gruß⏎Jürgen⏎--⏎Jürgen d'Avis; Leitung IT | Werk 3
Ann | id 4711 | ext. 12
Sent via phone;⏎> id: 5⏎> set: 3
tag|id|unit|min|max
"id";"name";"unit"
id,name;unit
x;y;z;id
time|host|level|msg
host;ip;mac;port
ip|mac|host
ps|cat|type
env;site;host
ver;vol;name
date;time;kwh
on load: 42 kN
onload: yes
onload=42;offload=17
onset=5s
online=true
onhold=1; onstart=0
once=1
on=1;off=0
style=onfocus=1
print(x); print(y)
print("a", "b")
println("hi")
echo("x")
return;
while (true) { poll(); }
while(1) delay(5);
for (;;) { }
if (1) x();
/**
* note */
/*/
( * )
VARCHAR(20)
name VARCHAR(40) NOT NULL, kwh FLOAT
NOT NULL
INT NOT NULL
tar -xzf backup.tgz -C data
tar cf backup.tar data
unzip -l model.zip
ssh -p 2222 ann@gw01
scp plan.pdf ann@nas:
rm -f old.txt
grep -i error gateway.log
find . -name plan.pdf
ls -la
ping 10.0.0.5 -n 10
net use Z:
net start
net time
net view
truncate table names to 20 chars
Tidy up; truncate names
1; drop 2
1;2;3
> quoted line
> /dev/ttyUSB0 is missing
>> 5 bar
> 5
'a' + f(x) + 'b'
"Total: " & TEXT(A1) & " kWh"
'x'.join(list)
"a"; f(); // start
'-';f(x)
""
5" - f(x)
{!important}
{! note !}
{=5}
{=SUM(A1:A3)}
{= x }
$((a+b))
`;
