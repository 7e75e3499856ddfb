import { paired, values } from './values.ts';

const NOTES = values`
2024-01-01T00:00:00.000Z INFO  [main] c.e.App - started in 3.2 s (pid=4711)
2024-01-01 00:00:01,123 WARN  gateway: retry 3/5 for tcp://10.0.0.5:502 (timeout=3000ms)
Jan  1 00:00:01 plant-gw systemd[1]: Started modbus-bridge.service - Modbus bridge.
Jan  1 00:00:02 plant-gw sshd[812]: Accepted publickey for ann from 10.0.0.7 port 50422 ssh2
10.0.0.7 - ann [01/Jan/2024:00:00:00 +0000] "GET /api/v1/meters?limit=10&sort=-id HTTP/1.1" 200 512 "-" "curl/8.5.0"
[error] 12#12: *34 upstream timed out (110: Connection timed out) while reading response header from upstream
kernel: [12345.678901] usb 1-1.2: new full-speed USB device number 5 using xhci_hcd
E/SensorReader(1234): read failed: EAGAIN (Try again) at 0x7f3a
TypeError: Cannot read properties of undefined (reading 'kwh')⏎    at total (/app/src/total.ts:12:34)⏎    at async main (/app/src/main.ts:5:3)
Traceback (most recent call last):⏎  File "reader.py", line 12, in <module>⏎    value = float(row["kwh"])⏎ValueError: could not convert string to float: 'n/a'
java.lang.NullPointerException: Cannot invoke "Meter.id()" because "meter" is null⏎	at org.example.Reader.read(Reader.java:42)
panic: runtime error: index out of range [3] with length 3
HTTP 502 from upstream; see /var/log/app/gateway.log for details
The config is in config/production.yaml, the log in logs/app.log; both are rotated daily.
Set LOG_LEVEL=debug and NODE_ENV=production, then restart the service.
The image is registry.example.org/twin/gateway:1.4.2@sha256:0a1b2c; the old one was 1.4.1.
We pinned typescript@^5.6.0 and zod@~4.1; npm ls shows no duplicates.
Upgrade from v1.2.3 to v2.0.0-rc.1 needs Node >=22 and PostgreSQL 15+.
git rebase gave conflicts in src/reader.ts and test/reader.test.ts; I kept ours.
Merged branch 'feature/meter-import' into 'main' (#42, closes #41).
See RFC 9110 section 15.5.5, and BACnet/IP (ASHRAE 135-2020, clause J.4).
Modbus function code 0x03, register 40001-40010, unit id 1, CRC 0xC5CD.
OPC UA node ns=2;s=Boiler1.Temperature; sampling 500 ms; deadband 0.5%.
MQTT topic plant/+/meter/# with QoS 1 & retain=true; LWT on plant/gw1/status.
Sparkplug B: spBv1.0/Plant1/DDATA/gw1/meter1, seq=42, bdSeq=3
The bus runs at 9600 baud, 8N1; termination is 120 Ω at both ends.
mTLS with TLS 1.3, TLS_AES_256_GCM_SHA384; cert CN=gw1.example.org, O="Example, Inc.", C=DE
Cron: 0 */6 * * * is every six hours; */5 8-17 * * 1-5 is on work days.
The regex ^[A-Z]{2}\d{4}(-[a-z]+)?$ matches IDs such as DE0042-a.
CSS: .card > h2:not(.small)::after { content: "»"; color: #336699; }
Type Map<string, Array<number>> or Record<string, number[]>, whichever reads better.
In C++: std::vector<int> v; v.push_back(1); auto n = v.size();
In Rust: fn read(&self) -> Result<Vec<u8>, Error>; use ? to pass errors on.
In Go: if err != nil { return fmt.Errorf("read: %w", err) }
In Python: with open(path) as f: rows = [r for r in csv.reader(f) if r]
In JS: const { id, kwh = 0 } = reading; readings.map((r) => r.kwh);
In Java: List<Meter> meters = new ArrayList<>(); meters.add(m);
In Kotlin: val total = readings.sumOf { it.kwh } // in kWh
In bash, "$@" are all arguments and $? is the last exit code.
Our lint rule says: no var, no ==, prefer const; see eslint.config.js.
JSON: {"id": 1, "tags": ["a", "b"], "ok": true}; YAML: id: 1, tags: [a, b]
XML such as <meter id="1"><kwh>3.5</kwh></meter> is accepted as well.
<reading meter="M1" unit="kWh">3.5</reading>
Use <Meter id="1" /> in React, or <my-meter id="1"></my-meter> as web component.
The page needs <meta name="viewport" content="width=device-width"> to scale.
An <a href="https://example.org/help">help link</a> would be nice here.
Write &lt;b&gt; if you want to show <b> and &amp; for &.
Escape \n, \t and \\ in strings; \u00e9 is é and \x41 is A.
100% of 5xx came from /api/v1/meters/{id}/readings; p99 was 1.2 s.
GET /api/v1/meters/{id}?fields=id,name&expand=location returns 404 for id=0.
PUT /twins/building:42/features/hvac/properties/target -> 204
Grafana variable: label_values(up{job="node"}, instance)
The total is SUM(kwh) per meter; AVG(kwh) isn't shown.
Use VLOOKUP(A2;Sheet1!A:B;2;FALSE) or =SUM(B2:B20)*1.19 in the sheet.
In Excel: =IF(A1>10,"high","low") & " load"
a = b ? c : d; x ??= y; n++; i -= 1; flags |= 0x04;
O(n log n) vs. O(n^2): with n = 10^6 that's a factor of 50,000.
Latency: p50=3ms, p95=12ms, p99=40ms (n=10_000, 3 runs)
Memory went from 120 MiB to 95 MiB (-21%) after the change in reader.ts:42.
Disk /dev/sda1 is 91% full; /var/lib/docker takes 40 GB of it.
Device at /dev/ttyUSB0, firmware in /lib/firmware/meter.bin, mount at /mnt/data.
Files: plan.dwg, model.ifc, export_2024-01.csv, backup-01.tar.gz, notes.md
D:\Projects\Plant 1\export\2024-01.csv couldn't be opened; it's in use.
\\nas01\exports\2024\Q1\meter-data.xlsx is read-only.
Path is ./data/raw/2024/01/01.csv, relative to the project's folder.
import { readFile } from 'node:fs/promises';
from datetime import datetime, timedelta
#include <stdio.h>
using System.Linq;
package org.example.meter;
const total = a + b; // in kWh
x = {'meter': 'M1', 'kwh': 3.5}
print(f"{meter}: {kwh:.2f} kWh")
console.log(\`\${meter}: \${kwh} kWh\`);
<?xml version="1.0" encoding="UTF-8"?><readings><r m="M1">3.5</r></readings>
---⏎name: gateway⏎replicas: 2⏎env:⏎  - name: LOG_LEVEL⏎    value: "debug"
[gateway]⏎host = 10.0.0.5⏎port = 502⏎; comment⏎# another
FROM node:24-slim⏎WORKDIR /app⏎COPY . .⏎RUN npm ci⏎CMD ["node", "main.js"]
diff --git a/reader.ts b/reader.ts⏎@@ -1,3 +1,3 @@⏎-const a = 1;⏎+const a = 2;
SHA-256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE2mX0 ann@laptop
-----BEGIN CERTIFICATE-----⏎MIIBszCCAVmgAwIBAgIUQx8m⏎-----END CERTIFICATE-----
`;

const LEADS = values`
From today's log:
Here's what I see on the gateway (it's the one in O'Hara's cellar):
The device said this, then stopped;
I don't understand this line:
Copied from the ticket -
Quick question about
`;

/** What engineers of plants write and paste: logs, code, protocols, files. Nothing in it speaks of an attack. */
export const technical: readonly string[] = [
  ...NOTES,
  ...paired(NOTES, LEADS, (note, lead) => `${lead} ${note}`),
  ...paired(NOTES, LEADS, (note, lead) => `${lead}\n\n\`\`\`\n${note}\n\`\`\`\n\nIs that OK?`),
  ...paired(NOTES, [...NOTES.slice(5), ...NOTES.slice(0, 5)], (one, other) => `${one}\n${other}`),
];
