import { values } from './values.ts';

/** What the people and machines of a plant write in a day: notes, numbers of parts, tags, topics, commands in a ticket, paths, maps of registers. */
export const earlyShift = values`
3 or 4=four
onload=42kN
VARCHAR(20) NOT NULL
/usr/bin/python3
/var/log/app.log
while (1);
print("hello")
rm -rf is dangerous
tar -xzf a.tgz
net use
*)
|id|name|
src/**/select/**/*.ts
Stop; print (both sides)
print(report)
P-204 läuft; Lager 2 warm (61 °C), bitte Fett nachfüllen
Störung F30002; Zwischenkreis Überspannung – quittiert, läuft wieder
Schicht 2: Kompressor 3 aus; Druck >= 6,2 bar; ok
Pompe n°3 à l'arrêt; vanne d'isolement fermée, voir l'ordre 4711
L'armoire n'est pas fermée; clé chez l'accueil
Bomba 2 parada; válvula abierta (¿quién la cerró?)
Turno de noche: 3 alarmas; 1 = crítica, 2 = aviso
Tripped on I>>; reset by AK 06:42; watch it
on hold; waiting for parts; ETA wk 23
running / idle / fault
OK -> WARN -> OK
6ES7 315-2EH14-0AB0
1FK7063-5AF71-1AA0-Z; Z=J12
3RV2011-1HA10 | 3RT2016-1BB41
AB-1756-L83E/B rev 33.011
SKF 6205-2RS1/C3
NJ 2208 ECP; 40x80x23
P/N 0-1393243-1 (alt. 8-1393239-8)
O-ring 22,2 x 3 NBR 70
DB20.DBD4:REAL; DB20.DBX8.1:BOOL
"Motor_1".Status.Running
PLC_PRG.stPump[3].bRun
Program:Main.Valve[2].Cmd
N7:0/3; B3:1; F8:12
GVL.rSetpoint := 42.5;
%I0.0 AND NOT %M10.1
|var|CODESYS Control.Application.GVL.x
IF "Start" AND NOT "Stop" THEN "Run" := TRUE; END_IF;
plant3/line2/+/temperature
$SYS/broker/clients/connected
$share/group1/plant/#
spBv1.0/Plant3/DDATA/edge-01/pump_2
homie/5ccf7fb9/temp/$properties
1.3.6.1.2.1.2.2.1.10.3
.1.3.6.1.4.1.9.9.13.1.3.1.3
IF-MIB::ifInOctets.1 = Counter32: 4711
SNMPv2-SMI::enterprises.318.1.1.1.2.2.1.0 = Gauge32: 100
ran \`systemctl status gateway\`, it says active (running)
output of \`df -h\`: /dev/sda1 92% full
then I typed: sudo reboot
see \`journalctl -u modbus -n 50\` for the rest
$ ping 10.1.2.3 -> 4 packets, 0% loss
C:\> ipconfig shows 192.168.0.12
after "net stop spooler" and "net start spooler" printing works
ping -t 10.20.30.40
ssh admin@plc-gw-03
docker compose up -d
git pull && npm run build
curl -s localhost:9100/metrics
C:\ProgramData\Siemens\Automation\Logs
D:\Backup\2026-03\HMI_Panel.zip
\\fs02\quality\reports\2026\KW12.xlsx
C:\Users\jbauer\Documents\Projekt A\plan.dwg
/opt/twinkeep/bin/collector
/usr/local/bin/backup.sh
/var/lib/grafana/dashboards
/home/pi/sensors/read.py
/mnt/nas/exports/march.csv
/srv/twins/model.glb
/dev/ttyS0
/usr/share/zoneinfo/Europe/Berlin
/usr/bin/node
/etc/localtime
~/projects/line3
0 2 * * 1-5 /opt/backup/run.sh
*/15 6-22 * * *
30 4 1 * * root /usr/local/bin/rotate
@reboot /usr/local/bin/collector --daemon
40001-40010;HR;u16;0.1;V
fc=3; addr=30001; len=2; swap=1
30001|U32|x0.01|kWh|Import
0x0100:S16:A*10
{"fc":4,"reg":1000,"n":2,"order":"CDAB"}
^(P|V|TT)-\d{3}[A-Z]?$
^/plant/(?P<line>\d+)/.*$
(?i)^(error|warn(ing)?)\b
[A-Fa-f0-9]{2}(:[A-Fa-f0-9]{2}){5}
.*\.(csv|xlsx?)$
^((?!test).)*$
\b\d{1,3}(\.\d{1,3}){3}\b
Q = m * c * (T2 - T1)
eta = P_out / P_in * 100
y = 0.5*x^2 - 3*x + 7
(a + b) / (c - d) >= 0.8
sqrt(x^2 + y^2)
dp/dt = -k*(p - p0)
if(T>80,1,0)
avg(x) over 15 min; max(x) - min(x)
3.2 m³/h @ 4.5 bar; 45 °C
230/400 V~; 50 Hz; 16 A
0,75 kW; 1390 1/min; cos φ 0,77
>= 3 and <= 7 mm
< 10 µm; Ra 0.8
ΔT = 5 K; k·A = 12 kW/K
Werk 3, Tor 2; An der B 27 / Ecke Hauptstr. 5-7
12 bis, rue de l'Usine; bât. C; 69003 Lyon
C/ Mayor, 5 - 3º B; 28013 Madrid
Unit 4, O'Neill's Yard; off King's Rd
https://grafana.plant.example/d/abc?orgId=1&from=now-6h&to=now&var-line=3&var-pump=All&refresh=5s
https://twin.example/search?q=pump+3&sort=-date&page=2&filter[status]=open&filter[site]=3
https://maps.example/?q=48.137,11.575&z=15&t=m
http://10.0.0.12:8080/cgi-bin/status.cgi?id=3&fmt=json
opc.tcp://plc1:4840/UA/Server?x=1
rtsp://user@10.0.0.31:554/ch0/main
eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwdW1wLTMifQ.c2lnbmF0dXJlLWhlcmU
01J9ZQ5K8YV3T2M7N6R4W1X0CE
urn:uuid:6fa459ea-ee8a-3ca4-894e-db77e160355e
3c:5a:b4:12:9f:00
YWRtaW46Y2hhbmdlbWU=
c2VsZWN0IHB1bXAgMyBhbmQgd2FpdA==
PHA+SGVsbG8gV2VsdDwvcD4=
c3RhcnQ7IHNldCA9IDUgb3IgPSA2
DEADBEEF00112233
48 65 6c 6c 6f 20 57 6f 72 6c 64
0x53454c4543542a46524f4d
b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78
{"cmd":"set","args":{"tag":"P-3.SP","value":42}}
{"filter":"status = 'open' and site = 3"}
{"note":"it's ok; see \"manual\"","n":[1,2,{"a":null}]}
[{"op":"replace","path":"/limits/high","value":80}]
{"query":"{ meters(first: 5) { id name } }"}
Mit freundlichen Grüßen⏎⏎i. A. K. Müller⏎Instandhaltung | Werk 3⏎Tel. +49 (0)89 123-45; Fax -46
Kind regards⏎--⏎Siobhán O'Dowd⏎Process Eng.; Plant 4⏎M: +353 86 123 4567 | E: s.odowd@plant.example
Cordialement,⏎J.-P. d'Arbois⏎Resp. maintenance; site n°2
Saludos⏎--⏎Íñigo Núñez; Jefe de turno
or similar
1 or 2 pcs
5 = five
2 or 3 = ok
a=1 or b=2
Line 3 or Line 4 = stop
A or B is fine
NULL is not a value
VARCHAR(255)
DECIMAL(10,2) NOT NULL DEFAULT 0
id INT PRIMARY KEY
pump|valve|id|type
| tag | id | unit |
|time|value|
|who|what|when|
id|date|set|time
time;date;value;unit
Name;ID;Date;File
;id;name;unit
id;type;file;sort
Datum;Zeit;ID;Wert
ID & name
start|stop|set|test
set|get|list
cat|dog
sort; cut; paste
File | Edit | View | Help
print (A4)
print(label)
open(valve)
write (once)
Confirm (yes/no)
Alert(high)
confirm(order)
import(csv)
open (left)
function(x)
stop; print labels
Wait; if (temp > 80) stop
Done; select top 3 rows
ok; use pump 2
closed; set role to admin
checked; drop off at gate 2
**/*.ts
src/**/*.test.ts
docs/**/from/**/index.md
**/and/**
/* start */ run /* end */
plant/*/and/*/or
on error = stop
onstart=1
on stop=0
onchange=true
onerror=retry
onload = 12.5
onclick=42
order by 3pm
limit 5 bar
having trouble; 3 = high
case 3: when full then stop
kill -9 did not help
rm old.log
grep the log
find a pump
tail -f gateway.log
echo test
chmod 644 report.csv
tar the roof
cat litter
head -3 bolts
net weight 3 kg
net user count: 12
type C thermocouple
`;
