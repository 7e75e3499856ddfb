import { describe } from 'node:test';
import type { MakeStorage } from './storage-kit.contract.ts';
import { scopesContract } from './storage-scopes.contract.ts';
import { upkeepContract } from './storage-upkeep.contract.ts';
import { valuesContract } from './storage-values.contract.ts';
import { writesContract } from './storage-writes.contract.ts';

export type { MakeStorage, StorageUnderTest } from './storage-kit.contract.ts';

/** Holds a storage to the contract. @param make gives one on an empty database, as often as it is asked */
export function storageContract(name: string, make: MakeStorage): void {
  describe(`the storage contract on ${name}`, () => {
    describe('values', () => valuesContract(make));
    describe('reads and writes', () => writesContract(make));
    describe('scopes', () => scopesContract(make));
    describe('migrations and leases', () => upkeepContract(make));
  });
}
