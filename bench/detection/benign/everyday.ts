import { values } from './values.ts';

/** Names of people, companies, places and things, as they are. */
export const names = values`
O'Brien
D'Arcy; select
N'Diaye-Ba
Conor O'Shea & Sons
Ursula K. Le Guin
Maria "Mia" d'Angelo
'Abd al-Rahman
Jean-François L'Écuyer
Sean O'Casey (née Drop)
McDonald's #14; Unit B
Union Jack Ltd; Select Foods PLC
Grant Alter
Delete Me Later GmbH
Table & Chair Co.
Order By Phone Ltd
Null, Peter
True Value Hardware
Or & Co
And/Or Architects
Cat & Fiddle; Dog & Duck
Bash Street Kids
Echo Park; Sleep Inn
Ping An Insurance
Curl Up & Dye
Wget Tools B.V.
Perl Harbor Café
Ruby's Diner; Node 4
Kill Devil Hills
Top Less More Ltd
Sh. Ahmed bin Id
Id al-Fitr; Eid
Ls. Petersen
Script & Seal Notaries
On Load Logistics
Mr. <none>
Ann -- the one from sales
Bob /* old account */
Tim #2
user+tag@o'neill.example
ann.o'brien@twin.example
"Ann O'Brien" <ann@twin.example>
O'Reilly's "Learning SQL"; 3rd ed.
Zoë's café; rue de l'Église 5, 1er étage
12 Union Street; Apt #5
5-7 St. John's Rd, Unit 3/4
Via dell'Orso 14; scala B
Am Kohl'schen Hof 1; Hinterhaus
c/o O'Connor, 2nd floor; ring twice
Plot 7 & 8, Sector 62; near Select City Mall
1/2 Mill Lane, St. Peter's
ул. Ленина, д. 5; кв. 7
東京都千代田区1-1-1;2階
Postfach 10 11 12; 1=Lager
P.O. Box 12; "Attn: Union rep"
51.5074° N, 0.1278° W
Roof 'A' or roof 'B'
Hall 3 (north); line #7
Pump P-101A/B; spare
Zone 1=on; zone 2=off
L1/L2/L3; N; PE
`;

/** What people write about plants, in several languages, with the signs that they use. */
export const comments = values`
Please select a meter from the list, then drop it onto the plan.
It's five o'clock; call me when you're back.
Union members get 10% off; order by Friday!
Where's the valve and why is it = 0?
I can't update the table; delete it and insert a new one, please.
Either it's 3 or it's 4 -- I don't know, let me check.
He said 'it's fine' and then "it isn't".
We need 2x Cat 6; 1x CP 340; thanks
mv 5; check the level
The pump was off; kill the alarm and set it to 20.
ID; name; date -- that's the order of the columns.
sleep well; talk tomorrow
Who's on call? Ping me; I'll be up.
more or less = 5 bar
a) turn it off; b) wait; c) turn it on
I'd like to have 1 or 2 of these; like last time
Is 5 > 3 and 2 < 4, isn't it? ;-)
We exec'd the plan; the rest is history.
Tell Ann; she'll cat-sit; he'll dog-sit
The <b>bold</b> text doesn't show; why?
Open File > Print; then 'OK'
Press Ctrl+C; then type exit
See C:\Data\Export\2026.csv; it's the latest
The file is in \\plant-fs01\Public\Reports; can you open it?
Use ../images/plan.png instead of ./plan.png
Log's at /var/log/gateway.log; please have a look
I've put it under /srv/plant/line1/data.csv
Backup: /mnt/backup/2026-01-01.tar.gz (3 GB); OK?
Is http://192.168.1.10:8080/ the right one for the PLC?
The gateway answers at http://10.0.0.5/status; the HMI doesn't.
Try http://localhost:1880/ui in the browser
Firmware 1.2.3; "beta"; don't install!
Error: 'NoneType' object has no attribute 'id'
What does "ORA-01722: invalid number" mean?
The export says =SUM(A1:A10) instead of the sum
-5 °C; +3 °C; =0
The value {{temp}} isn't filled in the mail
Dear {name}, your code is {code}; thanks
It printed \${amount} again; see #4711
Our motto: "select, don't settle"; since 1999
100% sure; 50% off; #1!
'Tis the season; o'er the hills
Rock 'n' roll; fish 'n' chips
"quoted" and 'quoted'; (bracketed) or [bracketed]
A || B? No: A && B.
1) first; 2) second; 3) third
yes/no/maybe; n/a; tbd
Bitte Zähler #12 löschen; danke -- Hans
Die Pumpe läuft nicht; wer kann's ansehen?
Wert=5;Einheit=kWh
Preis: 5,- € (inkl. MwSt.) / Stück; Lieferung "frei Haus"
L'eau n'est pas chaude; c'est l'échangeur ?
S'il vous plaît, sélectionnez le compteur; merci d'avance
¿Puede seleccionar la tabla de la cocina? ¡Gracias!
Não consigo ver os dados d'água; e agora?
Dov'è l'interruttore? È all'ingresso; grazie
Het is 5 uur; bel me -- groetjes
Показания: 5; дата: 01.02; спасибо
请选择电表；谢谢
ポンプ1＝停止；ポンプ2＝運転
عداد 5؛ شكرا
Sayaç 'A' ya da 'B'; hangisi?
Wybierz licznik; dzięki -- Ania
Kan du se på det? Tak; hilsen Ole
`;

/** What people type into a search box; some of them ask about commands and markup. */
export const searches = values`
how to select rows from a table
select all in excel
union station opening hours
drop table legs
order by phone
group by date excel
insert coin
update where needed
delete from favourites
having fun
like and subscribe
or gate; and gate
if then else plc
sleep mode kwh
sleep(5) arduino meaning
cat food
cat6 cable 5 m
ls swap
ping 127.0.0.1 meaning
what is /etc/hosts
etc/passwd explained
windows\system32 full
.env file
.htaccess redirect
../ meaning
php info page
java script
javascript: the good parts
<script> tag
onclick html
alert() javascript
document.cookie empty
iframe not showing
src= attribute
data:image base64
eval is evil
c# or f#
c++ > c
.net 8
node.js "hello world"
rock & roll
at&t
r&d
q&a
100%
50 % off
$5 or less
#1
@home
a/b test
24/7
and/or
w/o
c/o
n/a
he's
o'clock
"exact phrase"
"a" or "b"
(pump or valve) and not "old"
pump -valve
pump*
pump?
~pump
pump^2
title:pump
title:"heat pump" OR tag:hvac
price:>5
5..10
<5 kwh
>= 10 bar
5 > 3
1=1
1+1
x=1
a=b
'
"
''
;
--
---
...
???
!!!
:-)
;-)
<3
</3
->
=>
null
undefined
NaN
true
false
none
test
admin
root
id
whoami
ls
dir
`;
