import { values } from './values.ts';

const LONG = values`
eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IjEifQ.eyJzdWIiOiJhbm4iLCJhdWQiOiJ0d2luIiwiZXhwIjoxNzM1Njg5NjAwfQ.c2lnbmF0dXJlLW9mLXRoZS10ZXN0LW9ubHk
Bearer eyJhbGciOiJIUzI1NiJ9.eyJpZCI6MX0.dGVzdA
dGhpcyBpcyBhIHRlc3Qgd2l0aCBwYWRkaW5nIQ==
SGVsbG8sIHdvcmxkISBJdCdzIG1lOyBvciAxPTE/
nZ4Wl+7dXxkq/0bT3hYJ8Q==
PHNhbWxwOkF1dGhuUmVxdWVzdCB4bWxuczpzYW1scD0idXJuOm9hc2lzOm5hbWVzOnRjOlNBTUw6Mi4wOnByb3RvY29sIj48L3NhbWxwOkF1dGhuUmVxdWVzdD4=
fZFBa8MwDIX/ivG9cZo0C5gkUDoGhW2UbuthN8dRVoNtZZY8tn+/JO2gvfQmxPeenqRq9d1b9gWRDPqaL7KcM/AaO+MPNX99eVzc81VT0Uh9kGOeP/p7+ExAzMYhT3Ku1DxFL1GRIenVCCRZy9366VGWWS5DREaNlrMNEURmHPUGPaURYgvxy2h43T/V/MgcSAoRrMIMKZ2yDLWDTKMTU0qxQz0kEpPjLQA
grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&redirect_uri=https%3A%2F%2Fapp.example.org%2Fcb
https://app.example.org/cb?code=Splx1OBe&state=af0ifjsldkj&iss=https%3A%2F%2Fid.example.org
https://id.example.org/authorize?response_type=code&client_id=s6BhdRkqt3&redirect_uri=https%3A%2F%2Fapp.example.org%2Fcb&scope=openid%20profile
https://login.example.org/?next=%2Fdashboard%3Ftab%3Dmeters%26sort%3D-kwh
https://example.org/redirect?to=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc%26d%3De%23f
http://user@example.org:8080/a/b/../c?d=e;f=g#h(i)
https://de.wikipedia.org/wiki/Strom_(Elektrizität)
https://example.org/search?q=o%27brien+%26+sons&lang=en
https://example.org/maps/@48.8583701,2.2944813,17z/data=!3m1!4b1
https://cdn.example.org/npm/chart.js@4.4.1/dist/chart.umd.min.js?v=3
https://example.org/~ann/notes.html
https://twin.example.org/things/org.eclipse.ditto:fancy-car/features/transmission
mailto:ann@example.org?subject=Meter%20M1&body=Hello%2C%20it%27s%20me
tel:+49-30-1234567
urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66
urn:epc:id:sgtin:0614141.107346.2017
urn:epc:idpat:sgtin:0614141.*.*
urn:ngsi-ld:Building:store-042
dtmi:com:example:Thermostat;1
did:web:example.org:people:ann
geo:48.2010,16.3695,183
opc.tcp://10.0.0.5:4840/plant
modbus://10.0.0.5:502/1?fn=3&addr=40001
mqtts://broker.example.org:8883
coap://[fe80::1]/sensors/temp?u=Cel
wss://twin.example.org/socket.io/?EIO=4&transport=websocket
postgres://reader@db.example.org:5432/energy?sslmode=require
s3://energy-exports/2024/01/meters.csv.gz
file:///home/ann/report.pdf
data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk
"33a64df551425fcc55e4d42a148795d9f25f89d4"
W/"67ab43-5f2c8a1b"
sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27DA
$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW
otpauth://totp/Twinkeep:ann@example.org?secret=JBSWY3DPEHPK3PXP&issuer=Twinkeep
00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
1;rep=0.8,2;rep=0.5
session=abc123; theme=dark; consent=1|2|3
GA1.2.1234567890.1704067200
_ga=GA1.1.1; _gid=GA1.1.2
%7B%22theme%22%3A%22dark%22%2C%22lang%22%3A%22en%22%7D
{"theme":"dark","lang":"en"}
s%3Aj%3A%7B%22id%22%3A1%7D.c2ln
multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW
application/json; charset=utf-8
text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8
en-GB,en;q=0.9,de-DE;q=0.8,de;q=0.7
gzip, deflate, br;q=1.0, *;q=0.5
attachment; filename="report (final).pdf"; filename*=UTF-8''report%20%28final%29.pdf
for=192.0.2.60;proto=http;by=203.0.113.43, for="[2001:db8::1]"
bytes=0-499,-500
max-age=31536000; includeSubDomains; preload
"Not/A)Brand";v="8", "Chromium";v="126"
Digest username="ann", realm="twin", nonce="dcd98b7102dd2f0e", uri="/a", response="6629fae4"
AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240101/eu-central-1/s3/aws4_request, SignedHeaders=host
twk_live_9fj3KfQ0aZl2Xv7Bn4Ty8Wc1Rm5Pd6Hs
ghp_16C7e42F292c6912E7710c838347Ae178B4a
sk_test_4eC39HqLyjWDarjtT1zdp7dc
a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d
01HV6ZQ8M3K4X5Y6Z7A8B9C0D1
507f1f77bcf86cd799439011
4f:2a:9c:00:de:ad:be:ef
DE:AD:BE:EF:00:01
cursor=eyJpZCI6MTIzLCJ0cyI6IjIwMjQtMDEtMDEifQ==
next_token=AAAAAGZha2U6dG9rZW4rd2l0aC9zbGFzaGVzPT0
v=1.0&tid=G-ABC123&cid=555.666&en=page_view&dl=https%3A%2F%2Fexample.org%2F%3Fa%3D1
`;

const PASSWORDS = values`
correct horse battery staple
Tr0ub4dor&3
P@ssw0rd!
p'a"s$s;w|o>r<d
x<3y>z&&a||b
'Zq9;--Lk!
"quoted"Pass'word"
1=1forever!
;DropDead99
$up3r$ecret#1
<hunter2>
{curly}[square](round)
100%sicher!
C'est_la_vie!2024
Ich&Du|Wir;2024
../Dots..99
\\Back//Slash
%41%42notdecoded
\${Money}99
{{braces}}77
&amp;Ampersand5
~!@#$%^&*()_+
qwertz'üöä+#
-=[]\;',./
xY7$kQ!m'Lp"2
`;

const SYLLABLES = 'kQ7z$ Lp!2 mX9- vB#4 tR%1 wN&8 hJ*3 cF=6 gD?5 sS;0'.split(' ');

/** Passwords as a manager makes them: any mark may stand beside any other. */
const made: readonly string[] = Array.from({ length: 150 }, (_, i) =>
  [i, i * 7 + 3, i * 3 + 5, i * 11 + 1]
    .map((n) => SYLLABLES[(n + Math.floor(n / 10)) % SYLLABLES.length] ?? '')
    .join(''),
);

/** Passwords that people and managers think of. No field that holds one should be looked at, but some are. */
export const passwords: readonly string[] = [...PASSWORDS, ...made];

/** What no person reads: tokens, nested URLs, identifiers, headers. */
export const tokens: readonly string[] = [
  ...LONG,
  ...LONG.map((token) => encodeURIComponent(token)),
  ...Array.from({ length: 100 }, (_, i) =>
    Buffer.from(`reading ${i}: it's ${i * 37} kWh; ok? <${i}>`).toString(i % 2 === 0 ? 'base64' : 'base64url'),
  ),
];
