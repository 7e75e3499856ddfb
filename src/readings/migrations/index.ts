import type { Migration } from '../../storage/index.ts';

export const readingMigrations: readonly Migration[] = [
  {
    name: '202611210060_readings_reading',
    changes: [
      {
        kind: 'table',
        name: 'reading',
        rows: 'tenant',
        columns: {
          tenant_id: 'text',
          meter_id: 'text',
          at: 'int',
          energy_consumption: 'real',
          power_factor: 'real?',
          location: 'text?',
        },
        key: ['tenant_id', 'meter_id', 'at'],
      },
    ],
  },
];
