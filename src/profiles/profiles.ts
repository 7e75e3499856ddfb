/**
 * A bundle of routes, names and settings under which Twinkeep is spoken to. `twinkeep` is the native one; those of the
 * older systems are added beside it, each an issuer of its own.
 */
export interface Profile {
  readonly name: string;
  readonly summary: string;
}

export const profiles = {
  twinkeep: { name: 'twinkeep', summary: 'The native API under /v1, with the strictest defaults.' },
} as const satisfies Readonly<Record<string, Profile>>;

export const profileNames = ['twinkeep'] as const satisfies readonly (keyof typeof profiles)[];
