import { z } from 'zod';
import type { PersonId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { SealedField } from '../kernel/sealed.ts';
import type { Tx } from '../kernel/tx.ts';
import type { SubjectKeys } from '../vault/index.ts';
import type { StoredPasskey } from './store-passkeys.ts';

/** What says something of its owner: how they call it, and which model it is. */
export interface AboutPasskey {
  readonly label: string;
  readonly aaguid: string;
}

const about = z.object({ label: z.string(), aaguid: z.string() });
const BOUND = 'passkey.about';

/** Sealed under the key of the person, so that it is gone with them from every copy. */
export const passkeySealedFields: readonly SealedField[] = [
  {
    table: 'passkey',
    column: 'about',
    rows: 'platform',
    key: { id: 'text' },
    row: ({ id }) => String(id),
    under: { subject: 'person_id' },
  },
];

export const createPasskeyLabels = (subjects: SubjectKeys) => ({
  seal: (tx: Tx, person: PersonId, told: AboutPasskey): Promise<string> =>
    subjects.seal(tx, person, BOUND, JSON.stringify(told)),
  /** Never fails for the sake of the value: a passkey whose label does not open must still be seen, to be removed. */
  open: async (tx: Tx, key: StoredPasskey): Promise<AboutPasskey> => {
    try {
      return about.parse(JSON.parse(await subjects.open(tx, key.personId, BOUND, key.about)));
    } catch (error) {
      if (isFault(error) && !error.code.startsWith('VAULT_')) throw error;
      return { label: 'Passkey', aaguid: '' };
    }
  },
});
