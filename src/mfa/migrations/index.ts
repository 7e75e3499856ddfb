import type { Migration } from '../../storage/index.ts';
import { factorMigrations } from './factor.ts';
import { passkeyMigrations } from './passkey.ts';
import { ticketMigrations } from './ticket.ts';

export const mfaMigrations: readonly Migration[] = [...factorMigrations, ...passkeyMigrations, ...ticketMigrations];
