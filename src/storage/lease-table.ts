import type { Migration } from './schema.ts';

/** The table of leases, the storage's own part of the schema. */
export const leaseMigration: Migration = {
  name: '202611210001_storage_lease',
  changes: [
    {
      kind: 'table',
      name: 'twinkeep_lease',
      rows: 'platform',
      columns: { name: 'text', holder: 'text', fence: 'int', until: 'int' },
      key: ['name'],
    },
  ],
};
