/**
 * One node of several: holds tokens against what was revoked anywhere. A child process that is asked over its IPC
 * channel; `revocation-cluster.ts` starts it.
 */
import { epochMs, personId, sessionId, tenantId } from '../../src/kernel/brand.ts';
import { minutes, systemClock } from '../../src/kernel/clock.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { platform } from '../../src/kernel/tx.ts';
import { createRevocations } from '../../src/sessions/index.ts';
import { openPostgresStorage, openRedisBus } from '../../src/storage/index.ts';
import type { NodeAnswer, NodeQuestion } from './revocation-cluster.ts';

const [, , postgres = '', redis = ''] = process.argv;
const clock = systemClock;
const random = createSystemRandom();
const onError = (): void => undefined; // servers come and go here
const storage = await openPostgresStorage({ url: postgres, clock, onError });
const bus = await openRedisBus({ url: redis, onError });
const revocations = createRevocations({ storage, bus, clock, random, accessMs: minutes(15), onError });
await revocations.start();

const say = (answer: NodeAnswer): void => void process.send?.(answer);

process.on('message', (question: NodeQuestion) => {
  const { id, session } = question;
  if (question.kind === 'revoke') {
    storage
      .write(platform, (tx) => revocations.add(tx, 'session', session))
      .then(
        () => say({ id, verdict: 'done' }),
        () => say({ id, verdict: 'failed' }),
      );
    return;
  }
  const ids = { sessionId: sessionId(session), personId: personId('ada'), tenantId: tenantId('main') };
  if (!revocations.fresh()) say({ id, verdict: 'stale' });
  else say({ id, verdict: revocations.revokes({ ...ids, issuedAt: epochMs(0) }) ? 'revoked' : 'good' });
});
process.on('disconnect', () => process.exit()); // with whoever started it
say({ id: 0, verdict: 'done' });
