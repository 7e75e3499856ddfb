import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROOT, ran, without, withoutNamespaces } from '../deploy-assets.ts';

const SCRIPT = `${ROOT}deploy/firewall/setup_firewall.sh`;
const GROUND = `${ROOT}test/journeys/deploy-firewall.sh`;
const PROGRAMS = ['ufw', 'iptables', 'ip', 'nsenter', 'unshare', 'setsid'];
const OPEN = [22, 2_222, 80, 443, 8_000, 27_017, 9_000];

/** What was printed under each heading of the ground. */
function sectionsOf(output: string): ReadonlyMap<string, string> {
  const parts = output.split(/^== /m).slice(1);
  return new Map(parts.map((part) => [part.split('\n', 1)[0] ?? '', part.slice(part.indexOf('\n') + 1)]));
}

/** Ports that answer a client of each net: a public one, the private one, that of databases. */
function reachedIn(sections: ReadonlyMap<string, string>, name: string): readonly (readonly number[])[] {
  const lines = (sections.get(name) ?? assert.fail(`no ${name}`)).trim().split('\n');
  const ports = (net: string): readonly number[] =>
    (lines.find((line) => line.startsWith(`${net} `)) ?? assert.fail(net)).split(' ').slice(1).map(Number);
  return [ports('public'), ports('private'), ports('database')];
}

const SET = [
  [22, 80, 443],
  [22, 80, 443, 8_000],
  [22, 80, 443, 8_000, 27_017],
];
const skip = without(PROGRAMS, true) || withoutNamespaces();
const onGround = (subject: string): ReadonlyMap<string, string> => {
  const { code, output } = ran('unshare', ['--net', '--mount', 'bash', GROUND, subject, process.execPath]);
  assert.equal(code, 0, output);
  return sectionsOf(output);
};

test('E21 D16: UFW lets in what it should and nothing else, goes back, and never locks anybody out unasked', {
  skip,
}, () => {
  const sections = onGround(SCRIPT);
  const reached = (name: string): readonly (readonly number[])[] => reachedIn(sections, name);
  assert.deepEqual(reached('before'), [OPEN, OPEN, OPEN]);
  assert.deepEqual(reached('set'), SET);
  assert.ok(sections.has('the same again'), 'a second run changes nothing');

  // Attack: a port that a container publishes goes past UFW; what was closed answers everybody.
  assert.deepEqual(reached('published'), [
    [22, 80, 443, 8_000, 9_000],
    [22, 80, 443, 8_000, 9_000],
    [22, 80, 443, 8_000, 27_017, 9_000],
  ]);
  assert.deepEqual(reached('docker'), [
    [2_222, 80, 443],
    [2_222, 80, 443, 8_000],
    [2_222, 80, 443, 8_000, 27_017],
  ]);
  const undone = sections.get('undone') ?? '';
  assert.match(undone, /^Status: inactive\n/, 'as it was before the first run');
  assert.doesNotMatch(undone, /once too often/);

  const unasked = sections.get('unasked') ?? '';
  assert.match(unasked, /SSH listens on port 22, and 2222 will be open: you may lock yourself out/);
  assert.match(unasked, /nobody is there to answer; nothing is changed\nended with 1\nStatus: inactive/);
});

const noTables = without(['nft', ...PROGRAMS], true) || withoutNamespaces();
test('of E21: the rules for nftables let in the same, and stand before the ports of containers', {
  skip: noTables,
}, () => {
  const sections = onGround(`${ROOT}deploy/firewall/nftables.conf`);
  assert.deepEqual(reachedIn(sections, 'before'), [OPEN, OPEN, OPEN]);
  for (const name of ['set', 'again', 'published']) assert.deepEqual(reachedIn(sections, name), SET, name);
  assert.deepEqual(reachedIn(sections, 'undone'), [OPEN, OPEN, OPEN]);
});

test('of E21: what a dry run prints are the commands, with the ports and nets that were asked for', {
  skip: without(['ufw'], true),
}, () => {
  const { code, output } = ran(SCRIPT, ['--dry-run', '--ssh-port', '2222', '--api-from', '10.1.0.0/16']);
  assert.equal(code, 0, output);
  const commands = output.split('\n').filter((line) => line.startsWith('+ ufw'));
  assert.deepEqual(
    commands.map((line) => line.slice('+ ufw '.length).replace(/ comment .*/, '')),
    [
      '--force reset',
      'default deny incoming',
      'default allow outgoing',
      'default deny routed',
      'allow 2222/tcp',
      'allow 80/tcp',
      'allow 443/tcp',
      'allow from 10.1.0.0/16 to any port 8000 proto tcp',
      'allow from 10.0.1.0/24 to any port 27017 proto tcp',
      'logging low',
      '--force enable',
    ],
  );
});

// Attack: a word on the command line that opens to everybody, or that a shell would run.
test('of E21: ports and nets that are none, or are everybody, are refused before anything is touched', {
  skip: without(['ufw'], true),
}, () => {
  const wrong = [
    ['--ssh-port', '0'],
    ['--ssh-port', '65536'],
    ['--ssh-port', '22;reboot'],
    ['--api-port', ''],
    ['--api-from', '0.0.0.0/0'],
    ['--api-from', '10.0.0.0/33'],
    ['--db-from', '10.0.1.256/24'],
    ['--db-from', 'any'],
    ['--open-all'],
    ['--db-from'],
  ];
  for (const words of wrong) {
    const { code, output } = ran(SCRIPT, ['--dry-run', ...words]);
    assert.equal(code, 64, `${words.join(' ')}: ${output}`);
    assert.doesNotMatch(output, /^\+/m);
  }
});
