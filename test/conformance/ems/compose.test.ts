import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { at, entriesOf, listAt, ROOT, ran, without, yamlOf } from '../deploy-assets.ts';

const FILES = ['compose.yaml', 'compose.ems.yaml', 'compose.scaled.yaml'] as const;
const servicesOf = (file: string): readonly [string, unknown][] => entriesOf(at(yamlOf(file), 'services'));

/** What a service publishes, each as compose reads it: text, number or object. */
const portsOf = (service: unknown): readonly unknown[] => [at(service, 'ports') ?? []].flat();

const PUBLISHED = /^(?:\$\{[A-Z_]+:-(\d+(?:\.\d+){3})\}|(\d+(?:\.\d+){3})):\d{1,5}:\d{1,5}$/;
const PRIVATE = /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/;

function isPrivate(port: unknown): boolean {
  const [, byDefault, fixed] = PUBLISHED.exec(String(port)) ?? [];
  return PRIVATE.test(byDefault ?? fixed ?? '');
}

/** A reference to a variable of the environment, as compose files have them. */
const variable = (text: string): string => `$\{${text}}`;

test('D16 every published port is on a private address alone, for it goes past the firewall', () => {
  const publish = variable('TWINKEEP_PUBLISH:-127.0.0.1');
  const published = FILES.map((file) => servicesOf(file).flatMap(([, service]) => portsOf(service)));
  assert.deepEqual(published, [
    [`${publish}:8080:8080`],
    [`${publish}:8000:8000`],
    [`${publish}:80:80`, `${publish}:443:443`],
  ]);
  assert.ok(published.flat().every(isPrivate));
  for (const [name, service] of FILES.flatMap(servicesOf))
    for (const key of ['network_mode', 'privileged', 'pid', 'ipc', 'devices', 'cap_add'])
      assert.equal(at(service, key), undefined, `${name}.${key}`);
});

// Attack: the old form comes back in a later edit.
test('D16 the check finds every form that publishes to everybody', () => {
  const forms = [
    '8000:8000',
    '0.0.0.0:8000:8000',
    8000,
    '[::]:8000:8000',
    `${variable('X')}:8000:8000`,
    `${variable('X:-0.0.0.0')}:8000:8000`,
    '203.0.113.9:8000:8000',
    { target: 8000, published: '8000' },
  ];
  for (const form of forms) assert.ok(!isPrivate(form), String(form));
  assert.ok(isPrivate('10.0.0.5:80:80'));
});

test('E20 D16: the gateway alone is published, restricted, between the networks; MongoDB and ingestion are closed in', () => {
  const compose = yamlOf('compose.ems.yaml');
  const networks = (name: string): readonly unknown[] => listAt(compose, `services.${name}.networks`);
  assert.deepEqual(
    servicesOf('compose.ems.yaml').map(([name]) => name),
    ['api-gateway', 'data-ingestion', 'mongodb'],
  );
  assert.deepEqual(networks('api-gateway'), ['frontend', 'backend']);
  assert.deepEqual(networks('mongodb'), ['backend']);
  assert.deepEqual(networks('data-ingestion'), ['backend']);
  assert.equal(at(compose, 'services.mongodb.ports'), undefined);
  assert.equal(at(compose, 'services.data-ingestion.ports'), undefined);
  assert.equal(at(compose, 'services.api-gateway.environment.NETWORK_MODE'), 'restricted');
  assert.deepEqual(at(compose, 'networks'), {
    frontend: { driver: 'bridge', ipam: { config: [{ subnet: '172.29.82.0/24', gateway: '172.29.82.1' }] } },
    backend: { driver: 'bridge', internal: true },
  });
  assert.equal(at(compose, 'services.mongodb.image'), 'mongo:7');
});

// Attack: one client makes trouble behind the proxy on the host, and the limit that he meets shuts everybody out.
test('D16 the proxy on the host is believed by the address it comes from, and nobody else; the issuer is handed in', () => {
  for (const [file, name] of [
    ['compose.yaml', 'twinkeep'],
    ['compose.ems.yaml', 'api-gateway'],
  ] as const) {
    const environment = at(yamlOf(file), `services.${name}.environment`);
    const [bridge, ...others] = listAt(yamlOf(file), 'networks.frontend.ipam.config');
    assert.equal(others.length, 0);
    const gateway = String(at(bridge, 'gateway'));
    assert.match(gateway, PRIVATE);
    assert.equal(at(bridge, 'subnet'), gateway.replace(/\.1$/, '.0/24'));
    assert.equal(at(environment, 'TWINKEEP_TRUSTED_PROXIES'), variable(`TWINKEEP_TRUSTED_PROXIES-${gateway}`), file);
    assert.ok(
      entriesOf(environment).some(([key, value]) => key === 'TWINKEEP_ISSUER' && value === null),
      file,
    );
  }
});

test('of E20: no replica can take the address of the proxy, whatever comes first', () => {
  const scaled = yamlOf('compose.scaled.yaml');
  const proxy = String(at(scaled, 'services.nginx.networks.middle.ipv4_address'));
  assert.equal(at(scaled, 'services.twinkeep.environment.TWINKEEP_TRUSTED_PROXIES'), proxy);
  const [{ subnet, ip_range: range }] = listAt(scaled, 'networks.middle.ipam.config').map(Object);
  const holds = (net: unknown): boolean => {
    const [address = '', bits = ''] = String(net).split('/');
    const list = new BlockList();
    list.addSubnet(address, Number(bits));
    return list.check(proxy);
  };
  assert.deepEqual([holds(subnet), holds(range)], [true, false]);
});

test('E20: secrets come from files, and MongoDB reads its own under /run/secrets', () => {
  const compose = yamlOf('compose.ems.yaml');
  for (const name of ['mongo_user', 'mongo_password'])
    assert.deepEqual(at(compose, `secrets.${name}`), { file: `./secrets/${name}.txt` });
  const mongodb = at(compose, 'services.mongodb');
  assert.deepEqual(at(mongodb, 'secrets'), ['mongo_user', 'mongo_password']);
  assert.deepEqual(at(mongodb, 'environment'), {
    MONGO_INITDB_ROOT_USERNAME_FILE: '/run/secrets/mongo_user',
    MONGO_INITDB_ROOT_PASSWORD_FILE: '/run/secrets/mongo_password',
  });
  // Attack: a password in the environment is read by whoever may list containers.
  for (const [name, service] of FILES.flatMap(servicesOf))
    for (const [key, value] of entriesOf(at(service, 'environment')))
      if (/PASSWORD|SECRET|KEY|TOKEN|_URL/.test(key)) {
        assert.match(key, /_FILE$/, `${name}: ${key}`);
        assert.match(String(value), /^\/run\/secrets\/[a-z_]+$/);
      }
});

test('of E20: every secret that a service names is declared, and made by the script that makes them', () => {
  for (const file of FILES) {
    const compose = yamlOf(file);
    const declared = entriesOf(at(compose, 'secrets'));
    const used = servicesOf(file).flatMap(([, service]) => [at(service, 'secrets') ?? []].flat());
    assert.deepEqual(new Set(used), new Set(declared.map(([name]) => name)), file);
  }
});

test('D16 no container has more than it needs: no rights, nothing to write to, an end to what it may use', () => {
  for (const [name, service] of FILES.flatMap(servicesOf)) {
    assert.equal(at(service, 'read_only'), true, name);
    assert.deepEqual(at(service, 'cap_drop'), ['ALL'], name);
    assert.deepEqual(at(service, 'security_opt'), ['no-new-privileges:true'], name);
    for (const key of ['pids_limit', 'mem_limit', 'cpus']) assert.ok(at(service, key) !== undefined, `${name}.${key}`);
    const volumes = [at(service, 'volumes') ?? []].flat().map(String);
    assert.ok(
      !volumes.some((volume) => /docker\.sock|^\/(etc|root|home|var\/run)?(:|\/)/.test(volume) && volume !== '/data'),
      name,
    );
    assert.ok(
      !/^[^$].*:latest$/.test(String(at(service, 'image'))) || at(service, 'build') !== undefined,
      `${name} is pinned`,
    );
  }
});

test('of E20: the databases have probes, and nobody starts before them', () => {
  for (const [file, name] of [
    ['compose.ems.yaml', 'mongodb'],
    ['compose.scaled.yaml', 'postgres'],
    ['compose.scaled.yaml', 'redis'],
  ] as const) {
    const service = at(yamlOf(file), `services.${name}`);
    assert.ok(at(service, 'healthcheck.test') !== undefined, name);
    assert.match(String(at(service, 'user')), /^[1-9]\d*:[1-9]\d*$/);
  }
  const waits = at(yamlOf('compose.scaled.yaml'), 'services.twinkeep.depends_on');
  assert.deepEqual(waits, { postgres: { condition: 'service_healthy' }, redis: { condition: 'service_healthy' } });
});

test('of E20: docker-compose reads the files', { skip: without(['docker-compose'], false) }, () => {
  const env = { EMS_INGESTION_IMAGE: 'ingestion:1', TWINKEEP_ISSUER: 'https://twin.example' };
  for (const file of FILES) {
    const { code, output } = ran('docker-compose', ['--file', `${ROOT}deploy/${file}`, 'config', '--quiet'], env);
    assert.equal(code, 0, `${file}: ${output}`);
  }
  const { code, output } = ran('docker-compose', ['--file', `${ROOT}deploy/compose.ems.yaml`, 'config', '--quiet']);
  assert.equal(code, 1);
  assert.match(output, /name the image of your data ingestion/);
});
