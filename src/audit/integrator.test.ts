import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import { openPostgresStorage } from '../storage/index.ts';
import { createKit, serverSuite, startPostgres } from '../testing/index.ts';

await serverSuite('the log on PostgreSQL', startPostgres, (server) => {
  test('whoever asks for it at once with others never hears that it was altered', async () => {
    const url = await server.createDatabase();
    const kit = await createKit({
      storage: await openPostgresStorage({ url, clock: systemClock, onError: () => undefined }),
    });
    try {
      const { audit } = kit.twinkeep.house;
      const entry = { action: 'test.done', outcome: 'done', principal: anonymous } as const;
      const before = await audit.integrate();
      let written = 0;
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let round = 0; round < 25; round++) {
            await audit.write({ ...entry, facts: { round } });
            written++;
            await audit.integrate();
          }
        }),
      );
      assert.ok((await audit.integrate()) >= before + written);
    } finally {
      await kit.close();
    }
  });
});
