import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { createKit } from '../../src/testing/index.ts';

const linesOf = (from: number, count: number): string =>
  Array.from({ length: count }, (_, at) => {
    const timestamp = new Date(Date.UTC(2026, 0, 1) + (from + at) * 60_000).toISOString();
    return `${JSON.stringify({ meter_id: 'M', timestamp, energy_consumption: 1 })}\n`;
  }).join('');

// Attack: a leaked key is deleted while its thief holds a stream open, and goes on writing through it.
test('a stream whose key was deleted stores nothing more, and its sender learns where it ended', async () => {
  const kit = await createKit({ config: { readings: { batchLines: 100 } } });
  const token = await kit.signIn();
  const made = await kit.call('POST', '/v1/api-keys', {
    token,
    body: { name: 'leaked', scopes: ['write:meter_data'] },
  });
  const headers = { 'x-api-key': made.json.key, 'content-type': 'application/x-ndjson', connection: 'close' };
  const stream = request(`${kit.address}/v1/readings`, { method: 'POST', headers });
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    stream.on('error', reject);
    stream.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
  });
  const stored = async () => (await kit.call('GET', '/v1/readings?limit=1000', { token })).json.items.length;

  stream.write(linesOf(0, 150));
  while ((await stored()) < 100) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal((await kit.call('DELETE', `/v1/api-keys/${made.json.id}`, { token })).status, 204);
  stream.end(linesOf(150, 150));

  const { status, text } = await answered;
  const problem = JSON.parse(text);
  assert.deepEqual([status, problem.code, problem.accepted, problem.resume_line], [401, 'APIKEY_INVALID', 100, 101]);
  assert.equal(await stored(), 100);
  await kit.close();
});
