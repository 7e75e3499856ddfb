import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, documentsOf, filesBelow, listAt, ROOT, ran, without, yamlOf } from '../deploy-assets.ts';

const MANIFESTS = filesBelow('kubernetes').filter((name) => !name.endsWith('kustomization.yaml'));
const all = MANIFESTS.flatMap((name) => documentsOf(name));
const ofKind = (kind: string): readonly unknown[] => all.filter((one) => at(one, 'kind') === kind);
const workloads = [...ofKind('Deployment'), ...ofKind('StatefulSet')];
const SELECTOR = { 'app.kubernetes.io/name': 'twinkeep' };

test('C11: pods run as nobody in particular, on a root that they cannot write, with limits and no token of the cluster', () => {
  assert.equal(workloads.length, 2);
  for (const workload of workloads) {
    const pod = at(workload, 'spec.template.spec');
    // Variables such as TWINKEEP_PORT=tcp://… of the service beside it would be taken for settings.
    assert.equal(at(pod, 'enableServiceLinks'), false);
    assert.equal(at(pod, 'automountServiceAccountToken'), false);
    assert.equal(at(pod, 'securityContext.runAsNonRoot'), true);
    assert.equal(at(pod, 'securityContext.runAsUser'), 10_001);
    assert.deepEqual(at(pod, 'securityContext.seccompProfile'), { type: 'RuntimeDefault' });
    assert.equal(listAt(pod, 'containers').length, 1);
    const container = at(pod, 'containers.0');
    assert.deepEqual(at(container, 'securityContext'), {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    for (const what of ['cpu', 'memory', 'ephemeral-storage'])
      for (const bound of ['requests', 'limits']) assert.ok(at(container, `resources.${bound}.${what}`), what);
    assert.equal(at(container, 'startupProbe.httpGet.path'), '/health');
    assert.equal(at(container, 'livenessProbe.httpGet.path'), '/health');
    assert.equal(at(container, 'readinessProbe.httpGet.path'), '/ready');
    for (const key of ['hostNetwork', 'hostPID', 'hostIPC', 'hostPath']) assert.equal(at(pod, key), undefined);
  }
  assert.equal(at(ofKind('ServiceAccount')[0], 'automountServiceAccountToken'), false);
  assert.equal(
    Object(at(ofKind('Namespace')[0], 'metadata.labels'))['pod-security.kubernetes.io/enforce'],
    'restricted',
  );
});

test('C11: secrets come as files that the process alone reads, and none stands in a manifest', () => {
  assert.equal(ofKind('Secret').length, 0);
  for (const workload of workloads) {
    const pod = at(workload, 'spec.template.spec');
    for (const variable of listAt(pod, 'containers.0.env')) {
      assert.equal(at(variable, 'valueFrom'), undefined);
      const [name, value] = [String(at(variable, 'name')), String(at(variable, 'value'))];
      assert.equal(/_FILE$/.test(name), /^\/run\/secrets\/twinkeep\/[a-z_]+$/.test(value), name);
      assert.ok(/_FILE$/.test(name) || !/KEY|PASSWORD|SECRET|URL/.test(name), name);
    }
    const secrets = listAt(pod, 'volumes').find((volume) => at(volume, 'name') === 'secrets');
    assert.equal(at(secrets, 'secret.defaultMode'), 0o440);
    const mounted = listAt(pod, 'containers.0.volumeMounts').find((mount) => at(mount, 'name') === 'secrets');
    assert.equal(at(mounted, 'readOnly'), true);
  }
});

test('C11: nothing in the namespace hears or says anything but what is named', () => {
  const policies = ofKind('NetworkPolicy');
  const named = (name: string): unknown =>
    policies.find((one) => at(one, 'metadata.name') === name) ?? assert.fail(`no policy ${name}`);
  const all = named('default-deny');
  assert.deepEqual(at(all, 'spec'), { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  const own = named('twinkeep');
  assert.deepEqual(at(own, 'spec.podSelector.matchLabels'), SELECTOR);
  for (const policy of policies)
    for (const rule of [at(policy, 'spec.ingress') ?? [], at(policy, 'spec.egress') ?? []].flat()) {
      assert.ok(listAt(rule, 'ports').length > 0, 'to a port');
      const peers = [at(rule, 'from') ?? [], at(rule, 'to') ?? []].flat();
      // Attack: an empty selector, which is everybody.
      assert.ok(peers.length > 0);
      for (const peer of peers)
        assert.ok(Object.keys(Object(at(peer, 'namespaceSelector.matchLabels'))).length > 0, JSON.stringify(peer));
    }
  const services = new Map(ofKind('Service').map((one) => [at(one, 'metadata.name'), at(one, 'spec')]));
  for (const spec of services.values()) assert.equal(at(spec, 'type'), 'ClusterIP');
  assert.deepEqual(
    [...services].map(([name, spec]) => [name, at(spec, 'selector')]),
    [
      ['twinkeep', SELECTOR],
      ['nowhere', { 'app.kubernetes.io/name': 'nowhere' }],
    ],
  );
  const [ingress] = ofKind('Ingress');
  assert.deepEqual(at(ingress, 'spec.tls.0.hosts'), [at(ingress, 'spec.rules.0.host')]);
});

// Attack: anybody reads in the counters how many sign-ins fail, or has Twinkeep vouch for a request that nobody made.
test('of C11: what is for the monitoring and for proxies leads nowhere from outside', () => {
  const labels = workloads.map((one) => at(one, 'spec.template.metadata.labels'));
  assert.ok(
    labels.every((one) => Object(one)['app.kubernetes.io/name'] === 'twinkeep'),
    'no pod is of `nowhere`',
  );
  const paths = listAt(ofKind('Ingress')[0], 'spec.rules.0.http.paths').map((one) => [
    at(one, 'path'),
    at(one, 'pathType'),
    at(one, 'backend.service.name'),
  ]);
  assert.deepEqual(paths, [
    ['/metrics', 'Prefix', 'nowhere'],
    ['/v1/forward-auth', 'Prefix', 'nowhere'],
    ['/', 'Prefix', 'twinkeep'],
  ]);
});

test('of C11: one process owns its folder; several survive a node, and grow with their load', () => {
  const [embedded] = ofKind('Deployment');
  assert.equal(at(embedded, 'spec.replicas'), 1);
  assert.deepEqual(at(embedded, 'spec.strategy'), { type: 'Recreate' }, 'never two owners of one folder');
  assert.deepEqual(at(ofKind('PersistentVolumeClaim')[0], 'spec.accessModes'), ['ReadWriteOncePod']);
  const [scaled] = ofKind('StatefulSet');
  const variables = listAt(scaled, 'spec.template.spec.containers.0.env').map((one) => at(one, 'name'));
  for (const name of [
    'TWINKEEP_DATABASE_URL_FILE',
    'TWINKEEP_REDIS_URL_FILE',
    'TWINKEEP_MASTER_KEY_FILE',
    'TWINKEEP_ISSUER',
  ])
    assert.ok(variables.includes(name), name);
  const [scaler] = ofKind('HorizontalPodAutoscaler');
  assert.deepEqual(at(scaler, 'spec.scaleTargetRef'), { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'twinkeep' });
  const [budget] = ofKind('PodDisruptionBudget');
  assert.ok(Number(at(budget, 'spec.minAvailable')) < Number(at(scaler, 'spec.minReplicas')), 'a node can be drained');
  assert.deepEqual(at(budget, 'spec.selector.matchLabels'), SELECTOR);
});

test('of C11: every manifest belongs to a way to run it', () => {
  const listed = ['base', 'embedded', 'scaled'].flatMap((way) =>
    listAt(yamlOf(`kubernetes/${way}/kustomization.yaml`), 'resources').map((name) => `kubernetes/${way}/${name}`),
  );
  assert.deepEqual(listed.filter((name) => !name.endsWith('/../base')).sort(), [...MANIFESTS].sort());
});

test('of C11: kubectl builds both ways to run it', { skip: without(['kubectl'], false) }, () => {
  for (const way of ['embedded', 'scaled']) {
    const { code, output } = ran('kubectl', ['kustomize', `${ROOT}deploy/kubernetes/${way}`]);
    assert.equal(code, 0, output);
    assert.match(output, /image: twinkeep:0\.1\.0/);
    assert.equal(output.match(/^ {2}namespace: twinkeep$/gm)?.length, output.match(/^kind: (?!Namespace)/gm)?.length);
  }
});
