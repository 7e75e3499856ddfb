const ROOMS = ['Roof', "O'Hara's flat", 'Boiler room (cellar)', 'Büro 3/4', 'R&D <lab>', 'Level -1; bay 2'];
const at = (i: number): string => new Date(Date.UTC(2024, 0, 1, 0, 15 * i)).toISOString();
const room = (i: number): string => ROOMS[i % ROOMS.length] ?? '';

/** One message of each system that speaks with a twin, with figures that change. */
const MESSAGES: readonly ((i: number) => unknown)[] = [
  (i) => ({ meter_id: `M${i}`, timestamp: at(i), energy_consumption: i * 1.37, power_factor: 0.91, location: room(i) }),
  (i) => ({
    meter_id: `M${i}`,
    timestamp: at(i),
    energy_consumption: i,
    power_factor: null,
    location: 'Roof',
    note: `Checked by D'Angelo & Ünal; OK (${i} %)`,
  }),
  (i) => ({ topic: `plant/${i}/floor/2/+/temperature`, qos: 1, retain: true, payload: { v: 21.5, u: '°C', t: i } }),
  (i) => ({
    device: `1234${i}`,
    object: 'analog-input:3',
    property: 'present-value',
    value: 21.5,
    units: 'degrees-celsius',
    'status-flags': '{0,0,0,0}',
  }),
  (i) => ({
    unit: 1,
    function: 3,
    address: 40_001 + i,
    registers: [17_096, 0],
    type: 'float32',
    order: 'ABCD',
    raw: '0x42C80000',
  }),
  (i) => ({
    NodeId: `ns=2;s=Boiler${i}.Temperature`,
    Value: { Type: 10, Body: 21.5 },
    StatusCode: 0,
    SourceTimestamp: at(i),
  }),
  (i) => ({
    epc: `urn:epc:id:sgtin:0614141.107346.${i}`,
    bizStep: 'urn:epcglobal:cbv:bizstep:shipping',
    readPoint: { id: 'urn:epc:id:sgln:0614141.00777.0' },
    eventTime: at(i),
  }),
  (i) => ({
    id: `urn:ngsi-ld:Building:store-${i}`,
    type: 'Building',
    temperature: { type: 'Property', value: 21, unitCode: 'CEL', observedAt: at(i) },
    '@context': ['https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld'],
  }),
  (i) => ({
    thingId: `org.example:pump-${i}`,
    policyId: 'org.example:policy',
    attributes: { manufacturer: 'Müller & Söhne', model: 'X-1/2"' },
    features: { flow: { properties: { value: 3.2, unit: 'm³/h' } } },
  }),
  (i) => ({
    topic: `org.example/pump-${i}/things/twin/commands/modify`,
    path: '/features/flow/properties/value',
    value: i,
    headers: { 'correlation-id': `c-${i}` },
  }),
  (i) => ({
    '@id': `dtmi:com:example:Thermostat;${i}`,
    '@type': 'Interface',
    '@context': 'dtmi:dtdl:context;3',
    contents: [{ '@type': 'Telemetry', name: 'temp', schema: 'double' }],
  }),
  (i) => [
    { op: 'replace', path: `/meters/${i}/name`, value: room(i) },
    { op: 'remove', path: '/meters/0/readings/-' },
  ],
  (i) => ({ jsonrpc: '2.0', id: i, method: 'setTarget', params: { room: room(i), target: 21.5 } }),
  (i) => ({
    rule: `if temperature > ${20 + i} and window == "open" then notify`,
    enabled: true,
    schedule: '*/15 8-17 * * 1-5',
  }),
  (i) => ({
    name: `Alarm ${i}`,
    condition: `avg(kwh) > ${i} && floor in [1,2]`,
    message: `Hello {{user}}, meter {{meter.id}} is at \${value} kWh!`,
    to: ["o'hara@example.org"],
  }),
  (i) => ({
    type: 'Feature',
    geometry: { type: 'Point', coordinates: [13.4 + i / 1e3, 52.5] },
    properties: { name: room(i), 'addr:street': "Rue de l'Église" },
  }),
  (i) => [
    { bn: `urn:dev:ow:10e2073a01080063:${i}`, bt: 1.7e9 + i, bu: 'A', n: 'current', v: 1.2 },
    { n: 'voltage', u: 'V', v: 230.1 },
  ],
  (i) => ({
    dashboard: {
      title: `Energy (${i})`,
      panels: [
        {
          type: 'graph',
          targets: [{ expr: 'sum(rate(kwh_total{room=~"a|b"}[5m])) by (room)', legendFormat: '{{room}}' }],
        },
      ],
    },
  }),
  (i) => ({
    filter: { and: [{ kwh: { gt: i } }, { or: [{ room: 'Roof' }, { room: { like: 'B%' } }] }] },
    sort: ['-ts', 'name'],
    limit: 10,
  }),
  (i) => ({
    query: 'query M($id: ID!) { meter(id: $id) { id name readings(last: 5) { kwh ts } } }',
    variables: { id: `M${i}` },
  }),
  (i) => ({
    firmware: {
      version: `1.4.${i}`,
      url: `https://fw.example.org/meter/1.4.${i}.bin?sig=aB%2Bc%3D`,
      sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    },
  }),
  (i) => ({
    user: { name: "Seán O'Brien", mail: "sean.o'brien@example.ie", tags: ['a&b', 'c<d', '#1'] },
    comment: `It's the ${i}th time; "E-04" again :-(`,
    accepted: true,
  }),
  (i) => ({
    ifc: `#${i}=IFCWALLSTANDARDCASE('2O2Fr$t4X7Zf8NOew3FLOH',#2,'Wall (ext.)',$,$,#3,#4,'1234');`,
    schema: 'IFC4',
  }),
  (i) => ({
    twin: `building:${i}`,
    events: Array.from({ length: 5 }, (_, n) => ({
      seq: n,
      at: at(n),
      level: 'INFO',
      text: `pump ${n} -> on; flow=${n}.5 m³/h`,
    })),
  }),
];

/** Bodies that twins, meters and dashboards send, as JSON texts. */
export const twins: readonly string[] = MESSAGES.flatMap((message) =>
  Array.from({ length: 16 }, (_, i) => JSON.stringify(message(i), null, i % 4 === 3 ? 2 : undefined)),
);
