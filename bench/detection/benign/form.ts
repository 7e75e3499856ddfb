import { paired, values } from './values.ts';

const FIRST = values`
Seán
Conan
Ünal
Zoë
María José
D'Artagnan
Jean-Luc
Anne-Sophie
Łukasz
Nguyễn Văn
Óscar
Björk
Aoife
Mary "Molly"
J. R. R.
Ng
李
王小明
たろう
Мария
محمد
Δημήτρης
ʻIolani
Siobhán
O'Shea (née Byrne)
Ole & Kirsten
Robert "Bob"
N'Golo
X Æ A-12
Null
Drop
Selecta
Alter
Script
Union
Or
And
`;

const LAST = values`
O'Brien
D'Angelo
O'Neill-O'Connor
de la Cruz
van 't Hoff
von und zu Liechtenstein
't Hooft
Öztürk
Żółkiewski
N'Diaye
McDonald's
St. John-Smythe
Müller/Meier
Smith, Jr.
Ibn al-Haytham
Al-Ḥasan
M'Bala
L'Hôpital
Ta'aroa
Q'orianka
Null
Select
Table
Execute
Cookie
Curl
Bash
Perl
`;

const STREETS = values`
12 Rue de l'Église
Straße des 17. Juni 135
Flat 3/2, 14 Union Street
Apt. #4, 221B Baker St.
Unit 5; Rear Building
C/ Mayor, 7 - 3º Izq.
Via dell'Orso 8/A
Plot 12 & 13, Sector 5
P.O. Box 1'000
ul. Świętego Marcina 29/3
1 - 3 Drop Lane
Hauptstr. 1-5 (Hinterhaus)
Am Alten Markt 3, c/o Meyer
St John's Wood, House "Rosa"
Große Elbstraße 68, 2. OG links
d'Anvers 12 bte 4
4/5 O'Connell St, Dublin 1
北京市朝阳区建国路88号
東京都千代田区丸の内1-9-1
Calle 5 #23-45, Bogotá
Select House, 10 Where Rd
Kılıçarslan Mah. 1. Sok. No: 5/A
שדרות רוטשילד 1
`;

const CITIES = values`
Coeur d'Alene
L'Aquila
's-Hertogenbosch
St. John's
Frankfurt (Oder)
Aix-en-Provence
Val-d'Or
Sant'Angelo
Łódź
İzmir
New York, NY 10001
Washington, D.C.
Or, Var
Union City
`;

/** What people put into the fields of a form that is no prose. */
const FIELDS = values`
+49 (0) 30 1234-567
(555) 010-9999 ext. 12
+1 555 0100; ask for Ann
1,234.56 €
EUR 1'250.00
$5.00 - $10.00
50% off
<5 kW
>100 kWh
>= 3 & <= 8
~20 °C
approx. 3/4 full
5" pipe
6'2"
12' x 8'
1/2" BSP (male)
#42
# 7
No. 3; No. 4
n/a
N/A; see notes
-
--
---
...
?
???
!
:-)
;-)
<3
:'(
¯\_(ツ)_/¯
=)
^_^
(-:
100 %
3 + 4
2*3
a/b
24/7
9-5
1=yes, 0=no
yes/no
male | female | other
true
NULL
null
none
undefined
NaN
1e10
0x1F
1;2;3
1,2,3
{1,2,3}
[draft]
(none)
"none"
'none'
ACME & Sons Ltd.
AT&T
Johnson & Johnson
Yahoo!
Procter & Gamble (P&G)
C&A
H&M; Zara
Toys "R" Us
Marks & Spencer's
Ben & Jerry's
Dr. Oetker
7-Eleven
e.on
R+V
C++ developer
C# / .NET
A* (top mark)
*urgent*
**VIP**
Mr. & Mrs. O'Hara
rock 'n' roll
fish 'n' chips
'til Friday
the '90s
10 o'clock
Class of '98
ma'am
y'all'd've
Order by phone
Group by age
Having lunch
Union and Co.
Insert coin
Update now
Delete me
Drop off at noon
Select one
Table for two
Where from?
Like & share
Sleep 8 hours
Benchmark 2024
Cast iron
Load file
Grant O'Dowd
Executive
Script font
Alert: low battery
On load
Source: web
User: admin
root cause
shadow roof
passwd reset
etc.
etc/misc
and/or
w/o heating
c/o reception
km/h
kWh/m²
m³/h
€/kWh
l/min @ 3 bar
Temp. < 5 °C && humidity > 80 %
Room A | Room B
Tower 1; Level 2; Room 3
Level -1
3..5 days
wait...what?
v1.2.3-rc.1
2024-01-01
01/02/2024
31.12.2023 23:59
2024-01-01..2024-02-01
Mon-Fri 8:00-17:00 (Sat: closed)
Q1'24
FY'23/24
ISO/IEC 27001
DIN 18015-1
EN 50160:2010
IP 10.0.0.1/24
192.168.1.1
fe80::1%eth0
00:1B:44:11:3A:B7
DE89 3704 0044 0532 0130 00
4111 1111 1111 1111
INV-2024/0042
PO#12345
Ticket [ABC-123]
@twinkeep
#energy #meter
file.pdf
My Report (final) v2.docx
photo_2024-01-01 (1).jpg
Q1 & Q2 summary.xlsx
readme.txt
backup.tar.gz
index.php manual.pdf
C:\Users\Ann\Documents\report.docx
\\server\share\plans
/home/ann/report.pdf
~/Documents
./notes.txt
`;

/** Names, addresses and the short things of forms. */
export const form: readonly string[] = [
  ...FIRST,
  ...LAST,
  ...paired(FIRST, LAST, (first, last) => `${first} ${last}`),
  ...paired(LAST, FIRST, (last, first) => `${last}, ${first}`),
  ...STREETS,
  ...CITIES,
  ...paired(STREETS, CITIES, (street, city) => `${street}, ${city}`),
  ...paired(LAST, CITIES, (last, city) => `c/o ${last} & Co., ${city}`),
  ...paired(FIRST, LAST, (first, last) => `"${first} ${last}" <${mailbox(first)}.${mailbox(last)}@example.org>`),
  ...FIELDS,
];

function mailbox(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9']/g, '') || 'info';
}
