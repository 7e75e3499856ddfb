/**
 * A process with an outbox, to be killed: adds messages as fast as they become durable, prints the number of each that
 * is, and sends what is due. Set by the environment; ends when the process that started it is gone.
 */
import { createDelivery, deliveryConfig, deliveryMigrations } from '../../src/delivery/index.ts';
import { epochMs, tenantId } from '../../src/kernel/brand.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { platform } from '../../src/kernel/tx.ts';
import { createSqliteStorage, openPostgresStorage } from '../../src/storage/index.ts';
import { createMasterKey, openVault, singleMaster, vaultMigrations } from '../../src/vault/index.ts';

process.stdin.on('end', () => process.exit(1)).resume();

const { DATABASE = '', FIRST = '0', COUNT = '0', LATE_MS = '0', HOOK = '', SMTP_PORT = '', SMS = '' } = process.env;
const clock = { now: () => epochMs(systemClock.now() + Number(LATE_MS)) }; // later: claims of the dead have run out
const random = createSystemRandom();
const storage = DATABASE.startsWith('postgres:')
  ? await openPostgresStorage({ url: DATABASE, clock })
  : createSqliteStorage({ file: DATABASE, clock });
await storage.migrate([...vaultMigrations, ...deliveryMigrations]);
const vault = await openVault({
  storage,
  clock,
  random,
  masters: singleMaster(createMasterKey(Buffer.alloc(32, 1), random)),
});

const home = tenantId('main');
const delivery = await createDelivery({
  storage,
  clock,
  random,
  fields: vault.fields,
  audit: { record: async () => undefined },
  metrics: { counter: () => ({ add: () => undefined }) },
  config: deliveryConfig.parse({
    smtp: { host: '127.0.0.1', port: Number(SMTP_PORT), tls: 'none', from: 'twin@example.org' },
    sms: { accountSid: 'AC1', authToken: 'token', from: '+15005550006', baseUrl: SMS },
    webhooks: { allowPrivate: ['127.0.0.1'] },
  }),
  home,
  onError: (error) => console.error(error),
});
setInterval(() => void delivery.run().catch(console.error), 100);

if ((await delivery.endpoints.list(home)).length === 0) {
  const wish = { url: HOOK, events: ['*'], description: '' };
  await delivery.endpoints.add({ principal: { kind: 'operator', tenantId: home } }, home, wish);
}

process.stdout.write('ready\n');
for (let n = Number(FIRST); n < Number(FIRST) + Number(COUNT); n++) {
  await storage.write(platform, async (tx) => {
    await delivery.publish(tx, { type: 'fault.tried', data: { n } });
    await delivery.enqueue(tx, { kind: 'email', to: 'ops@example.org', subject: `number ${n}`, text: 'x' });
    await delivery.enqueue(tx, { kind: 'sms', to: '+4930123456', text: `number ${n}` });
  });
  process.stdout.write(`${n}\n`);
}
