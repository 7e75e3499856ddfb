import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { defineRoute, type Route } from '../http/index.ts';
import { explain } from './explain.ts';
import { createTrial } from './explain-trial.ts';
import { inspectionConfig } from './inspection-config.ts';

const ROUTE: Route = {
  ...defineRoute({
    ...{ method: 'POST', path: '/v1/notes', summary: 'For this test.', replies: {}, faults: [] },
    handle: () => Promise.reject(new TypeError('nobody asks it')),
    access: { kind: 'public', because: 'for this test' },
    inspect: 'head+body',
    detection: { mode: 'block' },
  }),
  relay: () => Promise.reject(new TypeError('nobody asks it')),
};
const GRAFANA = {
  queries: [{ rawSql: 'SELECT time, value FROM readings WHERE $__timeFilter(time) ORDER BY 1' }],
};
const HOME_ASSISTANT = { template: "{{ states('sensor.power') | float * 1.2 }}" };
const SPARQL = { query: 'SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o } GROUP BY ?s ORDER BY DESC(?n)' };

const bare = createTrial(inspectionConfig.parse({}));
const preset = createTrial(inspectionConfig.parse({ presets: ['grafana', 'home-assistant', 'sparql'] }));
after(() => {
  bare.stop();
  preset.stop();
});

function told(trial: typeof bare, sent: object) {
  const headers = { 'content-type': 'application/json' };
  const asked = { method: 'POST', url: '/v1/notes', headers, body: Buffer.from(JSON.stringify(sent)) };
  return explain(trial.judge(ROUTE, asked), 5, trial.rules);
}

for (const [name, sent] of Object.entries({ grafana: GRAFANA, 'home-assistant': HOME_ASSISTANT, sparql: SPARQL }))
  test(`what ${name} sends is refused without its preset, which the explanation names, and passes with it`, () => {
    const refused = told(bare, sent);
    assert.ok(refused.attack && refused.presets.some((one) => one === name), JSON.stringify(refused.exceptions));
    const { attack, excepted } = told(preset, sent);
    assert.ok(!attack);
    assert.match(excepted.join(), new RegExp(`preset ${name}`));
  });

// Attack: somebody uses the holes of the presets, beside them or through them.
test('a preset opens neither other fields nor other rules', () => {
  for (const sent of [
    { note: "1' union select password from users--" },
    { template: "{{ cycler.__init__.__globals__.os.popen('id') }}" },
    { queries: [{ rawSql: '../../../../etc/passwd' }] },
    { query: '<svg onload=alert(1)>' },
  ])
    assert.ok(told(preset, sent).attack, JSON.stringify(sent));
});
