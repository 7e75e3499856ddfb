import { type TenantId, tenantId } from '../kernel/brand.ts';

/** Where a sealed value stands: it opens nowhere else. */
export interface SealedPlace {
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

/** Seals and opens values of one tenant; synchronous. The vault's fields fit. */
export interface Sealer {
  seal(place: SealedPlace, text: string): string;
  /** @throws for whatever does not open */
  open(place: SealedPlace, sealed: string): string;
}

/** The tenant's sealer, asked for anew at each piece of work, for its keys rotate. */
export type SealerOf = (tenant: TenantId) => Promise<Sealer>;

/** Under whose keys the outbox is sealed: its rows are the platform's, whichever tenant they speak of. */
export const PLATFORM = tenantId('platform');

/** What a message says, and to whom. */
export const payloadPlace = (id: string): SealedPlace => ({ table: 'delivery_message', column: 'payload', row: id });
export const answerPlace = (id: string, n: number): SealedPlace => ({
  table: 'delivery_attempt',
  column: 'answer',
  row: `${id}|${n}`,
});
export const urlPlace = (id: string): SealedPlace => ({ table: 'webhook_endpoint', column: 'url', row: id });
export const secretPlace = (id: string): SealedPlace => ({ table: 'webhook_endpoint', column: 'secret', row: id });
export const oldSecretPlace = (id: string): SealedPlace => ({
  table: 'webhook_endpoint',
  column: 'old_secret',
  row: id,
});
