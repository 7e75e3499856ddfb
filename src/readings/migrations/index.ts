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
  {
    name: '202611250040_readings_location_index',
    changes: [
      { kind: 'column', table: 'reading', name: 'location_index', type: 'text?' },
      {
        kind: 'index',
        name: 'reading_location',
        table: 'reading',
        columns: ['tenant_id', 'location_index', 'meter_id', 'at'],
        where: 'location_index is not null',
      },
    ],
  },
];
