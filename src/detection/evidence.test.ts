import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createInspection, type InspectedRoute } from './inspection.ts';
import type { Exception } from './inspection-config.ts';
import { costlyText } from './judge/costly.contract.ts';
import { createJudge, newBudget } from './judge/index.ts';
import { ALL_RULES } from './rules/index.ts';

const judge = createJudge({ rules: ALL_RULES });
after(() => judge.dispose());
const inspectionOf = (exceptions: readonly Exception[] = []) => createInspection({ judge, threshold: 5, exceptions });
const ROUTE: InspectedRoute = { name: 'POST /v1/notes', mode: 'block', text: [], unseen: [] };
const HEAD = { method: 'POST', url: '/v1/notes', headers: { 'content-type': 'application/json' } };
const judged = (body: unknown, exceptions?: readonly Exception[]) =>
  inspectionOf(exceptions).body(HEAD, Buffer.from(JSON.stringify(body)), ROUTE);

const TALK = 'Please have a look at this one, for it was in the log of the pump this morning: ';
const EXCEPTION: Exception = { field: 'body.query', rule: 'sqli-*', because: 'engineers write SQL here' };

test('an exception for the strongest part of a text does not hide a weaker attack in it', () => {
  // Attack: a loud injection that is excepted, and a quiet one of another class in the same field.
  const loud = "' union all select password, 1 from users where 1=1 or 'a'='a' -- ";
  for (const length of [0, 9_000]) {
    const query = `${TALK}${loud}${TALK}${'It was fine. '.repeat(length / 13)}$(cat /etc/passwd)`;
    assert.equal(judged({ query }, [EXCEPTION])?.attack, true, `${length}`);
    assert.deepEqual(judged({ query }, [EXCEPTION])?.excepted, [EXCEPTION.because]);
  }
  assert.equal(judged({ query: `${TALK}${loud}` }, [EXCEPTION])?.attack, false);
});

test('different attacks on one secret field have different fingerprints, and the same one has one', () => {
  // Attack: guesses in a field whose evidence nobody may read, which would count as one attack for ever.
  const [one, again, other] = ["x' or 1=1 -- ", "y' or 2=2 -- ", "x' union select 1,2 -- "].map(
    (password) => judged({ password })?.fingerprint,
  );
  assert.equal(one, again);
  assert.notEqual(one, other);
});

test('the evidence of an evasion is the place where it stands', () => {
  const note = `${'a'.repeat(300)} ..%c0%af..%c0%af..%c0%afetc/passwd`;
  const hits = judged({ note })?.findings.flatMap((finding) => finding.hits) ?? [];
  const evasions = hits.filter(({ rule }) => rule.startsWith('evasion-overlong'));
  assert.ok(evasions.length > 0);
  for (const { evidence } of evasions) assert.ok(evidence.includes('%c0%af'), evidence);
});

const SQL = (count: number) =>
  Array.from(
    { length: count },
    (_, nth) =>
      `SELECT m.id, avg(r.kwh) AS a${nth}, count(*) FROM readings r JOIN meters m ON m.id=r.meter WHERE r.at > '2026-01-${10 + (nth % 20)}' AND m.hall='H${nth}' GROUP BY m.id HAVING count(*)>${nth} ORDER BY 2 DESC LIMIT 10;`,
  );

test('a long field of which the rules are excepted costs nothing that all others need', () => {
  const query = SQL(400).join('\n');
  const quiet = { query, note: "O'Hara wrote it" };
  for (const exception of [EXCEPTION, { field: 'body.query', because: 'engineers write SQL here' }]) {
    const verdict = judged(quiet, [exception]);
    assert.deepEqual([verdict?.attack, verdict?.score, verdict?.excepted], [false, 0, [EXCEPTION.because]]);
    // Attack: behind so much that is excepted one in another field.
    assert.equal(judged({ ...quiet, note: "1' union select password from users--" }, [exception])?.attack, true);
  }
  assert.equal(judged({ query: `${query} $(cat /etc/passwd)` }, [EXCEPTION])?.attack, true, 'of another class');
});

test('many excepted texts of one field pass, and the same request has the same verdict each time', () => {
  const field: Exception = { field: 'body.queries.sql', rule: 'sqli-*', because: 'the dashboard writes SQL' };
  const fresh = createJudge({ rules: ALL_RULES });
  const inspection = createInspection({ judge: fresh, threshold: 5, exceptions: [field] });
  for (const count of [7, 26]) {
    const body = Buffer.from(JSON.stringify({ queries: SQL(count).map((sql) => ({ sql })) }));
    const verdicts = [1, 2, 3].map(() => inspection.body(HEAD, body, ROUTE));
    assert.deepEqual(
      verdicts.map((verdict) => [verdict?.attack, verdict?.excepted]),
      [1, 2, 3].map(() => [false, [field.because]]),
    );
  }
  fresh.dispose();
});

// Attack: a text so dear that it is not looked at to its end, at a place of which some rules are excepted.
test('what was not looked at to its end has no exception', () => {
  const query = costlyText();
  for (const rule of ['evasion-*', 'sqli-*']) {
    const hits = judged({ query }, [{ field: 'body.query', rule, because: 'for this test' }])?.findings.flatMap(
      (finding) => finding.hits,
    );
    assert.ok(
      hits?.some((hit) => hit.rule === 'evasion-costly'),
      rule,
    );
  }
});

test('what a text costs is the same whether it was seen before or not', () => {
  const judge = createJudge({ rules: ALL_RULES });
  const texts = ["O'Hara; select one of the (two) -- please", "1' union select password from users--", 'pump 3'];
  for (const spared of [undefined, { isAll: false, has: (rule: string) => rule.startsWith('sqli-') }])
    for (const text of texts) {
      const costs = [1, 2, 3].map(() => {
        const budget = newBudget();
        judge.judge(text, 'value', budget, spared);
        return JSON.stringify(budget);
      });
      assert.equal(new Set(costs).size, 1, text);
    }
  const budget = { ...newBudget(), left: 1, toEarn: 0 };
  const hits = judge.judge(texts[1] ?? '', 'value', budget)?.hits ?? [];
  assert.ok(
    hits.some(({ rule }) => rule === 'evasion-costly'),
    'one that is known is not for nothing',
  );
  judge.dispose();
});

// Attack: pieces that are none by themselves; Express, ASP.NET and templates join what comes several times by commas.
test('several values of one name are judged as they are joined too', () => {
  const pieces = ['1)union/*', '*/select login/*', '*/,password from users--'];
  assert.equal(judged({ id: pieces })?.attack, true);
  assert.equal(
    judged({ id: [...Array.from({ length: 200 }, (_, at) => `the (${at}) pump`), ...pieces] })?.attack,
    true,
  );
  const url = `/v1/notes?${pieces.map((piece) => `id=${encodeURIComponent(piece)}`).join('&x=(1)&')}`;
  assert.equal(inspectionOf().head({ method: 'GET', url, headers: {} }, ROUTE)?.attack, true);
  const steps = inspectionOf().bodyInSteps(HEAD, Buffer.from(JSON.stringify({ id: pieces })), ROUTE);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  assert.equal(step.value?.attack, true);
  for (const honest of [
    ['Hall 3, line 7', "O'Hara", '50% (at most)'],
    ['a & b', 'c; d', '-- none --'],
    ['x=1', 'y=2', 'z=3'],
  ])
    assert.notEqual(judged({ tags: honest, list: honest.map((note) => ({ note })) })?.attack, true, honest.join());
});

// Attack: a few kilobytes are sent that unpack to a hundred, of which each is dear.
test('a compressed body is looked at for no longer than one of three times its length', () => {
  const pieces = ["'+'", '"||"', '/**/', '`', 'or', 'sel', 'ect', 'cat', 'un', 'ion', ' ', '\\x27', '\\u003c'];
  const block = Array.from({ length: 1_500 }, (_, i) => pieces[(i * i + (i >> 4)) % pieces.length]).join('');
  const text = block.repeat(25);
  const fresh = createJudge({ rules: ALL_RULES, remembered: 0 });
  const looks = (body: Uint8Array, headers: Record<string, string>): number => {
    const before = fresh.looks();
    const head = { method: 'POST', url: '/v1/notes', headers: { 'content-type': 'text/plain', ...headers } };
    createInspection({ judge: fresh, threshold: 5, exceptions: [] }).body(head, body, ROUTE);
    return fresh.looks() - before;
  };
  const packed = gzipSync(text);
  const [unpacked, sent] = [looks(packed, { 'content-encoding': 'gzip' }), looks(Buffer.from(text), {})];
  fresh.dispose();
  assert.ok(
    text.length > 90_000 && packed.length < 9_000 && unpacked * 2 < sent,
    `${unpacked} looks, ${sent} as it is`,
  );
});

// Attack: one text of 4 KB is full of small attacks between words, so that all others wait until each was looked at.
test('a dear text is paused within', () => {
  const piece = (i: number) =>
    `look at '${i}'='${i}' or <svg onload=${i}> ; cat /etc/${i} {{${i}*7}} ../../${i} it is the `;
  const text = Array.from({ length: 45 }, (_, i) => piece(i))
    .join('')
    .slice(0, 3_900);
  const budget = newBudget();
  budget.left += 10_000_000;
  const pauses = [...judge.judgeInSteps(text, 'value', budget)].length;
  assert.ok(pauses > 2, `${pauses} pauses`);
});
