import type { Migration } from '../../storage/index.ts';

/** What is usual for each principal, and what was not. */
export const baselineMigration: Migration = {
  name: '202611291200_detection_baseline',
  changes: [
    {
      kind: 'table',
      name: 'anomaly_baseline',
      rows: 'platform',
      columns: {
        principal: 'text', // `api-key:…`, `person:…`, `address:…`, or `peers:…` for all of a kind together
        kind: 'text',
        first_at: 'int',
        seen_at: 'int',
        learned: 'json',
      },
      key: ['principal'],
    },
    { kind: 'index', name: 'anomaly_baseline_seen', table: 'anomaly_baseline', columns: ['kind', 'seen_at'] },
    {
      kind: 'table',
      name: 'anomaly',
      rows: 'platform',
      columns: {
        id: 'text',
        principal: 'text',
        kind: 'text',
        live: 'text?', // principal and kind while it goes on: one of a kind at a time
        profile: 'text',
        score: 'real',
        evidence: 'json',
        begun_at: 'int',
        last_at: 'int',
        ended_at: 'int?',
      },
      key: ['id'],
      unique: [['live']],
    },
    { kind: 'index', name: 'anomaly_last', table: 'anomaly', columns: ['last_at'] },
  ],
};

/** Whose an anomaly is, so that its end stands in the same log as its beginning. */
export const anomalyTenantMigration: Migration = {
  name: '202611300010_detection_anomaly_tenant',
  changes: [{ kind: 'column', table: 'anomaly', name: 'tenant', type: 'text?' }], // null: of an address
};
