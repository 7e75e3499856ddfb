import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROFILES = fileURLToPath(new URL('../profiles/', import.meta.url));

// Attack: a handler that asks for a permission by itself, past the second factor that policy asks for.
test('handlers of profiles ask for permissions as the line does, and have no other way to', () => {
  const files = readdirSync(PROFILES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const sources = files.map((name) => ({ name, text: readFileSync(join(PROFILES, name), 'utf8') }));
  assert.ok(sources.some(({ text }) => text.includes('may(')));
  const astray = sources.filter(({ text }) => /\baccess\.may\(|\bAccess\b.*from '.*\/access\/index\.ts'/.test(text));
  assert.deepEqual(
    astray.map(({ name }) => name),
    [],
  );
});
