import { paired, values } from './values.ts';

const EXPRESSIONS = values`
$filter=kwh gt 10 and location eq 'Roof'
kwh gt 10 and (location eq 'Roof' or location eq 'Cellar')
startswith(name,'Pump') and not (status eq 'off')
name eq 'O''Brien' and year(ts) ge 2024
contains(tolower(name),'valve') eq true
$expand=Readings($filter=kwh gt 5;$orderby=ts desc;$top=10)
Datastreams/Observations/result gt 20 and phenomenonTime ge 2024-01-01T00:00:00Z
st_within(location, geography'POLYGON ((30 10, 40 40, 20 40, 10 20, 30 10))')
kwh=gt=10;location==Roof,location==Cellar
name=='Pump*';status=in=(open,new);created=ge=2024-01-01
(kwh>10;unit==kWh),status!=off
eq(status,"open")
and(gt(kwh,10),eq(location,"Roof"))
like(attributes/name,"Pump*")
and(exists(features/hvac),or(lt(attributes/floor,3),gt(attributes/floor,7)))
temperature>20;humidity<80
location=='Roof';temperature==20..25
refStore=='urn:ngsi-ld:Building:store-042'
{ meters(first: 10) { id name readings { kwh ts } } }
query Meters($first: Int!) { meters(first: $first) { edges { node { id } } } }
mutation { rename(id: "M1", name: "Roof") { id name } }
query { meter(id: "M1") { ... on HeatMeter { flow } __typename } }
fragment M on Meter { id name } query { meters { ...M } }
subscription OnReading { reading(meter: "M1") { kwh } }
$.readings[?(@.kwh > 10)].ts
$..meter[0,1].id
$['meters'][*]['name']
$.store.book[?(@.price < 10 && @.category == 'fiction')]
/meters/0/readings/-
readings[?kwh > \`10\`].{id: meter_id, kwh: kwh}
.readings[] | select(.kwh > 10) | {id, kwh}
map(select(.status == "open")) | length
rate(http_requests_total{job="api",status=~"5.."}[5m])
sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) * 100
histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket[5m])) by (le))
up{job="node"} == 0 or absent(up{job="node"})
avg_over_time(power_watts{room=~"kitchen|bath"}[1h]) > 100
label_replace(up, "host", "$1", "instance", "(.*):.*")
{app="gateway"} |= "error" != "timeout" | json | status >= 500
{job="nginx"} |~ "GET /api/.*" | line_format "{{.method}} {{.uri}}"
from(bucket: "energy") |> range(start: -1h) |> filter(fn: (r) => r._measurement == "kwh")
from(bucket:"energy") |> range(start: v.timeRangeStart) |> aggregateWindow(every: 5m, fn: mean)
import "math" from(bucket: "b") |> map(fn: (r) => ({ r with _value: r._value / 1000.0 }))
status:open AND assignee:ann NOT label:wontfix
title:"heat pump" OR title:valve~2
kwh:[10 TO 20] AND ts:{2024-01-01 TO *}
+pump -valve "north wing" site:plant1
is:open is:issue author:ann created:>=2024-01-01
project = PLANT AND status in (Open, "In Progress") ORDER BY created DESC
from:ann subject:(meter OR reading) has:attachment
{"kwh":{"gt":10},"status":"open"}
{"where":{"kwh":{">=":10}},"order":["ts","desc"]}
{"query":{"bool":{"must":[{"match":{"name":"pump"}}],"filter":[{"range":{"kwh":{"gte":10}}}]}}}
{"aggs":{"per_day":{"date_histogram":{"field":"ts","calendar_interval":"day"}}}}
[["kwh",">",10],"and",["status","=","open"]]
filter[status]=open&filter[kwh][gte]=10&page[size]=20
sort=-created,name
sort=ts:desc,kwh:asc
order_by=-kwh
orderBy=name asc, ts desc
fields=id,name,location(city,street),readings.limit(10){kwh,ts}
fields[meters]=id,name&include=location,readings.unit
expand=location($select=city)
select=id,name,readings(kwh,ts)
select=*,meter:meter_id(name)
kwh=gte.10&status=in.(open,new)&or=(floor.eq.1,floor.is.null)
or=(status.eq.open,and(kwh.gt.10,kwh.lt.20))
order=ts.desc.nullslast&limit=10
range=2024-01-01..2024-02-01
2024-01-01/2024-02-01
2024-01-01T00:00:00Z--2024-01-31T23:59:59Z
P1DT12H
R5/2024-01-01T00:00:00Z/PT15M
now-1h/h
now()-7d
-24h
*/5 * * * *
0 0 1 1 *
0 */6 * * 1-5
15,45 8-17 * * MON-FRI
0 0 12 ? * WED#2
@daily
RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;UNTIL=20241231T000000Z
^[A-Z]{2}\d{4}$
^(?:[a-z0-9]+(?:-[a-z0-9]+)*)$
\b(pump|valve)s?\b
[^\s@]+@[^\s@]+\.[^\s@]+
^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?Z$
.*\.csv$
(?i)^error:\s+(.*)$
^/api/v[0-9]+/meters/([^/]+)$
div.card > h2:first-child
#main .reading[data-meter="M1"]:not(.old)
ul li:nth-child(2n+1)::before
a[href^="https://"]
@media (max-width: 600px) and (orientation: portrait)
//meter[@id='M1']/reading[position() < 5]/text()
/readings/reading[kwh > 10]/@ts
count(//meter[contains(@name, 'Pump')])
**/*.csv
src/**/{a,b}.ts
data/2024-0[1-6]/*.json
!node_modules/**
plant1/+/meter/#
plant/1/floor/2/+/temperature
$share/readers/plant/#
$SYS/broker/clients/connected
ns=2;s=Boiler1.Temperature
ns=3;i=1001
AnalogInput,1;PresentValue
analog-input:3/present-value
holding:40001:float32:abcd
device 1234, object analogValue 5, property 85
1-0:1.8.0*255
1-1:32.7.0
E.17.1<04;"x">
(point and temp and sensor) and siteRef==@p:demo:r:1
readAll(equip and ahu).hisRead(today)
SELECT VALUE c.kwh FROM c WHERE c.id = 'M1'
SELECT * FROM digitaltwins T WHERE T.temperature > 20
SELECT avg(kwh) FROM readings WHERE time > now() - 1h GROUP BY time(5m)
PREFIX brick: <https://brickschema.org/schema/Brick#> SELECT ?s WHERE { ?s a brick:Meter }
MATCH (m:Meter)-[:IN]->(r:Room) WHERE r.floor = 2 RETURN m.id
g.V().has('meter','id','M1').out('in').values('name')
if(kwh > 10, "high", "low")
(a + b) / 2 * 100
round(avg(kwh), 2)
abs(x - y) < 0.01
max(0, min(100, value))
sqrt(u^2 + v^2)
value * 0.001 + 5
A1 + B2 - SUM(C1:C10)
t > 20 && h < 80 || override == true
!disabled && (floor in [1, 2, 3])
status != 'off' && name.startsWith('Pump')
readings.filter(r => r.kwh > 10)
`;

const FIELDS = values`
filter
q
query
where
search
expr
`;

/** Filters, queries and expressions that twins, dashboards and APIs take as parameters. */
export const queries: readonly string[] = [
  ...EXPRESSIONS,
  ...paired(EXPRESSIONS, FIELDS, (expression, field) => `${field}=${expression}`),
  ...EXPRESSIONS.map((expression) => `(${expression})`),
];

/** Those in which a plain reading finds a statement of SQL: whoever lets them pass has to declare the field. */
export const isStatement = (expression: string): boolean => /\bselect\b.+\bfrom\b/i.test(expression);
