import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Json, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

export type AlertChannel = 'email' | 'sms';

/** How many alerts went out since a moment, and what was held back. */
export interface AlertWindow {
  readonly channel: AlertChannel;
  readonly beganAt: EpochMs;
  readonly sent: number;
  /** Events by type. */
  readonly held: Readonly<Record<string, number>>;
}

const row = { channel: 'text', began_at: 'int', sent: 'int', held: 'json' } as const;

const insertWindow = insertion({
  reach: 'platform',
  table: 'delivery_alert_window',
  columns: row,
  unless: ['channel'],
});

const selectWindow = statement({
  reach: 'platform',
  sql: 'select channel, began_at, sent, held from delivery_alert_window where channel = :channel',
  params: { channel: 'text' },
  returns: row,
});

const updateWindow = statement({
  reach: 'platform',
  sql: 'update delivery_alert_window set began_at = :began_at, sent = :sent, held = :held where channel = :channel',
  params: row,
});

export const alertStore = {
  get: async (tx: Tx, channel: AlertChannel): Promise<AlertWindow | undefined> => {
    const found = await tx.one(selectWindow, { channel });
    return found && { channel, beganAt: epochMs(found.began_at), sent: found.sent, held: countsOf(found.held) };
  },
  put: async (tx: Tx, { channel, beganAt, sent, held }: AlertWindow): Promise<void> => {
    const values = { channel, began_at: beganAt, sent, held };
    const leftOut = await tx.insert(insertWindow, [values]);
    if (leftOut.length > 0) await tx.run(updateWindow, values);
  },
};

function countsOf(value: Json): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(Object(value)).map(([type, count]) => [type, Number(count)]));
}
