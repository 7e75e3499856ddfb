import { resolve } from 'node:path';

const { TWINKEEP_VECTORS } = process.env;
const folder = TWINKEEP_VECTORS ? resolve(TWINKEEP_VECTORS) : resolve(import.meta.dirname, '../../../shared/vectors');

/** Where a file of the shared vectors lies: beside the repository, or in the folder that `TWINKEEP_VECTORS` names. */
export const sharedPath = (path: string): string => resolve(folder, path);
