import { paired, values } from './values.ts';

const AGENTS = values`
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36
Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1
Mozilla/5.0 (compatible; ExampleBot/2.1; +https://example.org/bot.html)
PlantGateway/1.4.2 (linux; arm64; node v24.1.0)
ESP32HTTPClient
ESP8266-http-Update
Arduino/1.0 (MKR WiFi 1010; fw=1.5.0)
okhttp/4.12.0
python-httpx/0.27.0
Go-http-client/2.0
Java/21.0.3
axios/1.7.2
node
undici
PostmanRuntime/7.39.0
insomnia/9.3.0
Grafana/11.1.0
Prometheus/2.53.0
Telegraf/1.31.0 Go/1.22.4
Home Assistant/2024.7.0 aiohttp/3.9.5 Python/3.12
Node-RED/4.0 (Raspberry Pi; "kitchen")
MeterReader 3.1 [de] (O'Hara GmbH & Co. KG; +49 30 1234)
Siemens S7-1500/V3.0
WAGO PFC200; FW 26
Ignition/8.1.42 (Perspective)
Microsoft-Excel/16.0 (Microsoft-PowerQuery)
Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; SLCC2; .NET CLR 2.0.50727)
Dalvik/2.1.0 (Linux; U; Android 14; SM-A546B Build/UP1A.231005.007)
com.example.twin/42 CFNetwork/1496.0.7 Darwin/23.5.0
kube-probe/1.30
ELB-HealthChecker/2.0
UptimeRobot/2.0; http://www.uptimerobot.com/
Lynx/2.9.2 libwww-FM/2.14 SSL-MM/1.4.1 OpenSSL/3.3.1
`;

/** What honest programs call themselves, those of plants too. */
export const agents: readonly string[] = [
  ...AGENTS,
  ...paired(
    AGENTS,
    ['twin-app/3.2', 'Edge/126.0', '(site=Roof; unit=1)', 'build/4711'],
    (agent, more) => `${agent} ${more}`,
  ),
];
