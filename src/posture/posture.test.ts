import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { epochMs } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import { createTestClock } from '../testing/index.ts';
import { createChecks } from './checks.ts';
import { type Check, good } from './finding.ts';
import { createPosture } from './posture.ts';
import type { DefenceFacts, PostureSources, SettingFacts, TransportFacts } from './sources.ts';

const clock = createTestClock();
const errors: unknown[] = [];
const onError = (error: unknown): void => void errors.push(error);

const SETTINGS: SettingFacts = {
  production: true,
  tls: true,
  seenTls: true,
  masterKeyFrom: 'transit',
  limits: true,
  shortSecrets: [],
  openCors: false,
  sessions: { accessMs: 900_000, absoluteMs: 43_200_000, maxPerPerson: 10 },
  leastPassword: 12,
};

const TRANSPORT: TransportFacts = {
  served: true,
  minVersion: '1.3',
  behindProxy: undefined,
  certificate: { daysLeft: 60, warnDays: 21 },
  redirectPort: 80,
};
const MODES = { block: 2, shadow: 0, off: 0 };
const DEFENCE: DefenceFacts = { own: 'block', gateway: MODES, forwardAuth: MODES, never: 2, wide: [] };

const SOUND: PostureSources = {
  settings: () => SETTINGS,
  transport: async () => TRANSPORT,
  defence: () => DEFENCE,
  keys: async () => ({ tenants: 4, overdue: 0, algorithms: ['AES-256-GCM'], readBy: [] }),
  people: async () => ({ administrators: 2, withSecondFactor: 2, secondFactorRequired: true }),
  feedIsFresh: () => true,
  log: async () => ({ looked: { at: clock.now(), entries: 40, flaw: undefined }, isBehind: false }),
  backups: async () => ({ newestAt: clock.now(), drilledAt: clock.now(), warnings: 0 }),
};

const standingOf = (sources: Partial<PostureSources>) =>
  createPosture({ checks: createChecks({ sources: { ...SOUND, ...sources }, clock }), clock, onError }).standing();
const set = (change: Partial<SettingFacts>) => standingOf({ settings: () => ({ ...SETTINGS, ...change }) });

type Fall = readonly [id: string, standing: ReturnType<typeof set>];

function defenceFalls(): readonly Fall[] {
  const moved = (change: Partial<TransportFacts>) =>
    standingOf({ transport: async () => ({ ...TRANSPORT, ...change }) });
  const defended = (change: Partial<DefenceFacts>) => standingOf({ defence: () => ({ ...DEFENCE, ...change }) });
  const left = (daysLeft: number | undefined) => moved({ certificate: { daysLeft, warnDays: 21 } });
  return [
    ['transport.end', moved({ minVersion: '1.2' })],
    ['transport.end', moved({ served: false, behindProxy: 'unnamed', certificate: undefined })],
    ['transport.certificate', left(21)],
    ['transport.certificate', left(-1)],
    ['transport.certificate', left(undefined)],
    ['transport.redirect', moved({ redirectPort: undefined })],
    ['detection.own', defended({ own: 'shadow' })],
    ['detection.own', defended({ own: 'off' })],
    ['detection.gateway', defended({ gateway: { block: 1, shadow: 1, off: 0 } })],
    ['detection.forward-auth', defended({ forwardAuth: { block: 0, shadow: 0, off: 1 } })],
    ['detection.never', defended({ wide: ['0.0.0.0/0'] })],
  ];
}

describe('the rating', () => {
  test('is A+ where every check holds, and each says what was seen', async () => {
    const { rating, percent, checks } = await standingOf({});
    assert.deepEqual([rating, percent], ['A+', 100]);
    for (const { evidence, advice } of checks) assert.ok(evidence.length > 0 && advice === undefined);
  });

  test('falls with each thing that is amiss, and its check says what to do', async () => {
    const worse: readonly (readonly [id: string, standing: ReturnType<typeof set>])[] = [
      ...defenceFalls(),
      ['transport.tls', set({ tls: false })],
      ['transport.tls', set({ seenTls: false })],
      ['keys.master', set({ masterKeyFrom: 'file' })],
      ['limits.on', set({ limits: false })],
      ['secrets.strong', set({ shortSecrets: ['ems'] })],
      ['cors.named', set({ openCors: true })],
      ['sessions.bounded', set({ sessions: { accessMs: 900_000, absoluteMs: 43_200_000, maxPerPerson: 0 } })],
      ['passwords.long', set({ leastPassword: 8 })],
      ['production.on', set({ production: false })],
      [
        'encryption.algorithm',
        standingOf({ keys: async () => ({ tenants: 1, overdue: 0, algorithms: ['AES-256-GCM'], readBy: ['fernet'] }) }),
      ],
      [
        'encryption.rotation',
        standingOf({ keys: async () => ({ tenants: 4, overdue: 1, algorithms: [], readBy: [] }) }),
      ],
      ['sessions.revocation', standingOf({ feedIsFresh: () => false })],
      ['audit.signed', standingOf({ log: async () => ({ looked: undefined, isBehind: true }) })],
      [
        'mfa.required',
        standingOf({ people: async () => ({ administrators: 1, withSecondFactor: 1, secondFactorRequired: false }) }),
      ],
      [
        'mfa.administrators',
        standingOf({ people: async () => ({ administrators: 3, withSecondFactor: 1, secondFactorRequired: true }) }),
      ],
      [
        'backups.made',
        standingOf({ backups: async () => ({ newestAt: undefined, drilledAt: clock.now(), warnings: 0 }) }),
      ],
      [
        'backups.drilled',
        standingOf({
          backups: async () => ({ newestAt: clock.now(), drilledAt: epochMs(clock.now() - days(60)), warnings: 0 }),
        }),
      ],
    ];
    for (const [id, standing] of worse) {
      const { percent, checks } = await standing;
      const found = checks.find((check) => check.id === id);
      assert.ok(found !== undefined && found.score < 1 && found.advice !== undefined, id);
      assert.ok(percent < 100, id);
    }
  });

  // Attack: one thing that all rests upon is broken, and fifteen others make up for it.
  test('is no better than D+ where something fails that the rest rests upon', async () => {
    for (const broken of [{ feedIsFresh: () => false }, { log: async () => ({ looked: undefined, isBehind: true }) }])
      assert.equal((await standingOf(broken)).rating, 'D+');
  });

  test('counts what cannot be looked at as failed, and tells why in the log', async () => {
    errors.length = 0;
    const away = async (): Promise<never> => {
      throw new Error('the database is away');
    };
    const { rating, checks } = await standingOf({ log: away, keys: away });
    assert.equal(checks.find(({ id }) => id === 'audit.signed')?.score, 0);
    assert.equal(rating, 'D+');
    assert.equal(errors.length, 3);
  });

  test('leaves out what there is nothing of, and is F for nothing at all', async () => {
    const { checks, percent } = await standingOf({ backups: async () => undefined });
    assert.ok(!checks.some(({ id }) => id.startsWith('backups.')));
    assert.equal(percent, 100);
    assert.equal((await createPosture({ checks: [], clock, onError }).standing()).rating, 'F');
  });

  // Attack: the status is asked for without end, to have everything counted each time.
  test('is looked at anew after ten seconds, however often it is asked for', async () => {
    let looks = 0;
    const check: Check = {
      ...{ id: 'one', title: 'One', weight: 1 },
      look: () => {
        looks += 1;
        return good('seen');
      },
    };
    const posture = createPosture({ checks: [check], clock, onError });
    await Promise.all(Array.from({ length: 50 }, posture.standing));
    assert.equal(looks, 1);
    clock.advance(10_000);
    await posture.standing();
    assert.equal(looks, 2);
  });
});
