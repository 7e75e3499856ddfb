import { z } from 'zod';
import { addressBlock } from '../http/index.ts';
import type { EpochMs } from '../kernel/brand.ts';

/** What a sign-in looks like from outside. */
export interface Traits {
  readonly network: string;
  /** Of the address, as limits count it. */
  readonly block: string;
  readonly agent: string;
  readonly country: string | undefined;
}

/** From where and with what a person has signed in before: the newest of each kind. */
export interface Habits {
  readonly networks: readonly Seen[];
  readonly blocks: readonly Seen[];
  readonly agents: readonly Seen[];
  readonly countries: readonly Seen[];
}

type Seen = readonly [value: string, at: number];

/** Why a sign-in from a device that was not known is unlike those before it. */
export type Reason = 'network' | 'agent' | 'country';

const MOST = 12;
const seen = z.array(z.tuple([z.string(), z.number()]));
const habits = z.object({ networks: seen, blocks: seen.default([]), agents: seen, countries: seen });

/** Nothing is known of somebody who never signed in here. */
export const NO_HABITS: Habits = { networks: [], blocks: [], agents: [], countries: [] };

/** As it was sealed by ourselves. */
export const readHabits = (text: string): Habits => habits.parse(JSON.parse(text));

/**
 * About the provider of an address: its first 16 bits, or 32 of an IPv6 one. Home lines and phones change the rest from
 * day to day.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address.split('.').slice(0, 2).join('.');
  return addressBlock(address).split(':').slice(0, 2).join(':');
}

/** In which way a sign-in is new; in none for the first of all, which there is nothing to hold against. */
export function reasonsOf({ networks, agents, countries }: Habits, traits: Traits): readonly Reason[] {
  if (networks.length === 0) return [];
  const isNew = (known: readonly Seen[], value: string): boolean => !known.some(([one]) => one === value);
  const reasons: Reason[] = [];
  if (isNew(networks, traits.network)) reasons.push('network');
  if (isNew(agents, traits.agent)) reasons.push('agent');
  const { country } = traits;
  if (country !== undefined && countries.length > 0 && isNew(countries, country)) reasons.push('country');
  return reasons;
}

const added = (known: readonly Seen[], value: string, at: EpochMs): readonly Seen[] =>
  [[value, at] as const, ...known.filter(([one]) => one !== value)].slice(0, MOST);

/** The same with an address that its person has proved themselves from, otherwise than by signing in. */
export const withBlock = (habits: Habits, block: string, at: EpochMs): Habits => ({
  ...habits,
  blocks: added(habits.blocks, block, at),
});

/** The same with one sign-in more. */
export function withTraits({ networks, blocks, agents, countries }: Habits, traits: Traits, at: EpochMs): Habits {
  const add = (known: readonly Seen[], value: string): readonly Seen[] => added(known, value, at);
  return {
    networks: add(networks, traits.network),
    blocks: add(blocks, traits.block),
    agents: add(agents, traits.agent),
    countries: traits.country === undefined ? countries : add(countries, traits.country),
  };
}
