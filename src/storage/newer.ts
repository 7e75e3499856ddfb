import { storageFault } from './errors.ts';
import type { Migration } from './schema.ts';

/** @throws STORAGE_NEWER naming what the database has and this program lacks */
export function refuseNewer(present: ReadonlySet<string>, wanted: readonly Migration[]): void {
  const known = new Set(wanted.map(({ name }) => name));
  const unknown = [...present].filter((name) => !known.has(name));
  if (unknown.length > 0) throw storageFault('STORAGE_NEWER', { unknown_migrations: unknown.sort().join(', ') });
}
