import { readFileSync } from 'node:fs';
import type { ApiKeys, AssertMayGive } from '../../apikeys/index.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Readings } from '../../readings/index.ts';
import { MAIN_TENANT } from '../../tenants/index.ts';
import type { EmsSettings } from '../config.ts';
import type { ServedProfile } from '../profile.ts';
import { emsFace } from './face.ts';
import { openEmsLogs } from './log-files.ts';
import { emsRoutes } from './routes.ts';

export interface EmsDeps {
  readonly apiKeys: ApiKeys;
  readonly assertHolds: AssertMayGive;
  readonly readings: Readings;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** The EMS agent's own part of its profile: error bodies, log files, routes, and keys from a file (E03 to E08, E16, E24). */
export function openEms(
  settings: EmsSettings,
  deps: EmsDeps,
): Pick<ServedProfile, 'face' | 'observer' | 'start' | 'close' | 'routes'> {
  const logs = openEmsLogs({ ...deps, directory: settings.logDirectory });
  const { prefix } = settings;
  return {
    face: emsFace,
    observer: logs.observer,
    start: () => importKeys(settings, deps),
    close: logs.close,
    routes: emsRoutes({ prefix, readings: deps.readings, logs }),
  };
}

/** An absent file means that there are no keys (E08); one that cannot be understood stops the start. */
async function importKeys({ apiKeysFile, apiKeyScopes: scopes }: EmsSettings, deps: EmsDeps): Promise<void> {
  const text = textOf(apiKeysFile);
  if (text === undefined) return;
  const actor = { principal: { kind: 'operator', tenantId: MAIN_TENANT }, tenantId: MAIN_TENANT } as const;
  await deps.apiKeys.importLegacy(actor, MAIN_TENANT, text, { scopes, source: apiKeysFile }, deps.assertHolds);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
