import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJudge } from '../judge/index.ts';
import type { Channel } from '../judge/types.ts';
import { ALL_RULES } from './all.ts';

/** From here on a text is an attack, as an operator has it who sets nothing. */
const THRESHOLD = 5;

/** What a table says of one kind of text. */
export interface Table {
  readonly [technique: string]: readonly string[];
}

/** Tests that every text of a table is an attack (or none) by the rules alone, one test for each technique. */
export function testTable(kind: 'attack' | 'honest', table: Table, channel: Channel = 'value'): void {
  const judge = createJudge({ rules: ALL_RULES });
  for (const [technique, texts] of Object.entries(table)) {
    test(`${kind}, as ${channel}: ${technique}`, () => {
      for (const text of texts) {
        const judgement = judge.judge(text, channel);
        const why = `${JSON.stringify(text)}: ${judgement?.hits.map(({ rule, weight }) => `${rule} ${weight}`).join(', ') ?? 'nothing'}`;
        assert.equal((judgement?.score ?? 0) >= THRESHOLD, kind === 'attack', why);
      }
    });
  }
}
