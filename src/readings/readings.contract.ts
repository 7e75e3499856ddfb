import { describe } from 'node:test';
import { intakeContract } from './readings-intake.contract.ts';
import type { MakeStorage } from './readings-kit.contract.ts';
import { listContract } from './readings-list.contract.ts';
import { locatedContract } from './readings-located.contract.ts';
import { storeContract } from './readings-store.contract.ts';

/** Holds the room to its rules. @param make gives an empty database, as often as it is asked */
export function readingsContract(name: string, make: MakeStorage): void {
  describe(`readings on ${name}`, () => {
    storeContract(make);
    intakeContract(make);
    listContract(make);
    locatedContract(make);
  });
}
