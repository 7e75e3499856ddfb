import type { TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { isFault, type TwinkeepError } from '../kernel/errors.ts';
import type { Json } from '../kernel/tx.ts';
import type { IndexPlace } from './blind-index.ts';
import type { Offered } from './external-items.ts';
import type { Keys } from './keys.ts';
import { type LegacyAlgorithm, openLegacy } from './legacy.ts';
import type { FieldPlace } from './place.ts';
import type { FieldSealer, Vault } from './vault.ts';

/** How an opened value was sealed. */
export type OpenedForm = 'envelope' | LegacyAlgorithm;

export interface Sealed {
  readonly sealed: string;
  readonly version: string;
}

export interface Opened {
  readonly text: string;
  readonly version: string;
  readonly form: OpenedForm;
}

export interface Rewrapped extends Sealed {
  /** False where the value was sealed under the current version already: it is given back as it came. */
  readonly changed: boolean;
  readonly form: OpenedForm;
}

/** What became of one item of a batch; its place and code where nothing did. */
export type Outcome<Done> = Done | { readonly error: ItemError };

export interface ItemError {
  readonly code: string;
  readonly at: string;
  readonly reason: string;
  /** The key version that is not known. */
  readonly version?: Json;
}

/** Seals and opens values that others keep, at places that no table of ours has. */
export interface External {
  /** @throws VAULT_FIELD_TOO_LARGE, VAULT_PROVIDER_AWAY, VAULT_KEY_SPENT */
  seal(tenant: TenantId, place: FieldPlace, text: string): Promise<Sealed>;
  /** @throws VAULT_UNREADABLE, VAULT_KEY_UNKNOWN, VAULT_PROVIDER_AWAY */
  open(tenant: TenantId, place: FieldPlace, sealed: string): Promise<Opened>;
  sealMany(tenant: TenantId, items: readonly Offered[]): Promise<readonly Outcome<{ readonly sealed: string }>[]>;
  openMany(tenant: TenantId, items: readonly Offered[]): Promise<readonly Outcome<Opened>[]>;
  rewrapMany(tenant: TenantId, items: readonly Offered[]): Promise<readonly Outcome<Rewrapped>[]>;
  /** The value of a blind index to store beside a sealed one, and every value to look for. */
  index(tenant: TenantId, of: IndexedColumn, normalised: string): Promise<IndexValues>;
}

export interface IndexedColumn extends IndexPlace {
  /** How many characters of the values are indexed, where it is not all of them. */
  readonly prefix?: number | undefined;
}

export interface IndexValues {
  readonly store: string;
  readonly search: readonly string[];
}

export interface ExternalDeps {
  readonly vault: Pick<Vault, 'fields'>;
  readonly keys: Pick<Keys, 'markExternal' | 'legacyKeys'>;
  readonly clock: Clock;
}

/** Items, and milliseconds, between two turns of the event loop. */
const ITEMS_PER_TURN = 250;
const MS_PER_TURN = 8;
/** Between two looks at the clock, which cost too. */
const ITEMS_PER_LOOK = 25;
const CHARS_PER_LOOK = 65_536;
const ENVELOPE = 'tk1.';

/** Our own tables have no dot in their names: what was sealed inside never opens out here, nor the other way round. */
const externalPlace = ({ table, column, row }: FieldPlace): FieldPlace => ({
  table: `external.${table}`,
  column,
  row,
});

/**
 * Digests of beginnings have a key of their own: they must not tell which whole values are as short. No column that
 * somebody names comes to stand there, for a table has a name of one character at least; and the length of the table's
 * tells it from the column's.
 */
const indexPlace = ({ table, column, prefix }: IndexedColumn): IndexPlace =>
  prefix === undefined
    ? { table: `external.${table}`, column }
    : { table: 'external.', column: `${prefix}.${table.length}.${table}.${column}` };

export function createExternal({ vault, keys, clock }: ExternalDeps): External {
  /** The tenant's sealer, once it is on record that values are kept outside: a key that they need is not destroyed. */
  async function sealerFor(tenant: TenantId): Promise<FieldSealer> {
    await keys.markExternal(tenant);
    return vault.fields(tenant);
  }

  /** Legacy keys are fetched once, and only where a value is no envelope. */
  async function openerOf(tenant: TenantId, sealer: FieldSealer, values: Iterable<string>) {
    const legacy = allEnvelopes(values) ? [] : await keys.legacyKeys(tenant);
    return (place: FieldPlace, sealed: string): Opened => {
      if (sealed.startsWith(ENVELOPE)) {
        const text = sealer.open(externalPlace(place), sealed);
        return { text, version: versionOf(sealed), form: 'envelope' };
      }
      const { text, version, algorithm } = openLegacy(legacy, sealed, clock.now());
      return { text, version, form: algorithm };
    };
  }

  /** Every item answers for itself; what would stop all of them alike stops the request. */
  async function each<Done>(
    items: readonly Offered[],
    member: 'text' | 'sealed',
    act: (place: FieldPlace, value: string) => Done,
  ): Promise<readonly Outcome<Done>[]> {
    const outcomes: Outcome<Done>[] = [];
    let turnAt = clock.now();
    let chars = 0; // since the last look
    for (const item of items) {
      const at = outcomes.push(outcomeOf(item, outcomes.length, member, act));
      chars += member === 'sealed' ? weightOf(item) : lengthOf(item);
      if (at % ITEMS_PER_LOOK !== 0 && chars < CHARS_PER_LOOK) continue;
      chars = 0;
      if (at % ITEMS_PER_TURN !== 0 && clock.now() - turnAt < MS_PER_TURN) continue;
      await nextTurn();
      turnAt = clock.now();
    }
    return outcomes;
  }

  return {
    seal: async (tenant, place, text) => {
      const sealer = await sealerFor(tenant);
      const sealed = sealer.seal(externalPlace(place), text);
      return { sealed, version: versionOf(sealed) };
    },
    open: async (tenant, place, sealed) => {
      const open = await openerOf(tenant, await vault.fields(tenant), [sealed]);
      return open(place, sealed);
    },
    sealMany: async (tenant, items) => {
      const sealer = await sealerFor(tenant);
      return each(items, 'text', (place, text) => ({ sealed: sealer.seal(externalPlace(place), text) }));
    },
    openMany: async (tenant, items) => {
      const open = await openerOf(tenant, await vault.fields(tenant), valuesOf(items));
      return each(items, 'sealed', open);
    },
    rewrapMany: async (tenant, items) => {
      const sealer = await sealerFor(tenant);
      const open = await openerOf(tenant, sealer, valuesOf(items));
      return each(items, 'sealed', (place, sealed) => {
        const { text, version, form } = open(place, sealed);
        if (version === sealer.version) return { sealed, version, changed: false, form };
        const anew = sealer.seal(externalPlace(place), text);
        return { sealed: anew, version: versionOf(anew), changed: true, form };
      });
    },
    index: async (tenant, column, normalised) => {
      const sealer = await sealerFor(tenant);
      const of = indexPlace(column);
      return { store: sealer.index(of, normalised), search: sealer.indexes(of, normalised) };
    },
  };
}

function outcomeOf<Done>(
  item: Offered,
  at: number,
  member: 'text' | 'sealed',
  act: (place: FieldPlace, value: string) => Done,
): Outcome<Done> {
  if (item.kind === 'flaw') return { error: { code: 'HTTP_INPUT_REFUSED', at: item.at, reason: item.reason } };
  try {
    return act(item.place, item.value);
  } catch (error) {
    if (!isFault(error) || !OF_THE_ITEM.has(error.code)) throw error;
    return { error: errorAt(error, `/items/${at}/${member}`) };
  }
}

/** What one value is to blame for; a provider that is away is not among them. */
const OF_THE_ITEM: ReadonlySet<string> = new Set(['VAULT_UNREADABLE', 'VAULT_KEY_UNKNOWN', 'VAULT_FIELD_TOO_LARGE']);

function errorAt({ code, message, facts }: TwinkeepError, at: string): ItemError {
  const { version } = facts;
  return { code, at, reason: message, ...(typeof version === 'string' ? { version } : {}) };
}

/** The version that an envelope names. */
const versionOf = (envelope: string): string => envelope.slice(ENVELOPE.length, envelope.indexOf('.', ENVELOPE.length));

const lengthOf = (item: Offered): number => (item.kind === 'value' ? item.value.length : 0);

/** A legacy value is tried under every imported key: after each of them the clock is looked at. */
const weightOf = (item: Offered): number =>
  item.kind === 'value' && !item.value.startsWith(ENVELOPE) ? CHARS_PER_LOOK : lengthOf(item);

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function* valuesOf(items: readonly Offered[]): Iterable<string> {
  for (const item of items) if (item.kind === 'value') yield item.value;
}

function allEnvelopes(values: Iterable<string>): boolean {
  for (const value of values) if (!value.startsWith(ENVELOPE)) return false;
  return true;
}
