import { readFileSync } from 'node:fs';
import { type ApiKeys, type AssertMayGive, apiKeyFault } from '../../apikeys/index.ts';
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
): Pick<ServedProfile, 'face' | 'observer' | 'blocksFirst' | 'start' | 'close' | 'routes'> {
  const logs = openEmsLogs({ ...deps, directory: settings.logDirectory });
  const { prefix } = settings;
  return {
    face: emsFace,
    observer: logs.observer,
    blocksFirst: true,
    start: () => importKeys(settings, deps),
    close: logs.close,
    routes: emsRoutes({ prefix, readings: deps.readings, logs }),
  };
}

/** Names the key file in the list of sources, wherever it lies: moved, it brings the same keys. */
const SOURCE = 'profile ems, key file';

/**
 * What the file says holds: keys that it no longer has end, those that it has get the configured scopes. An absent file
 * has no keys (E08); one that cannot be understood stops the start.
 */
async function importKeys({ apiKeysFile, apiKeyScopes: scopes }: EmsSettings, deps: EmsDeps): Promise<void> {
  const text = textOf(apiKeysFile) ?? '{}';
  const actor = { principal: { kind: 'operator', tenantId: MAIN_TENANT }, tenantId: MAIN_TENANT } as const;
  const wish = { scopes, source: SOURCE, replace: 'source' } as const;
  const { skipped } = await deps.apiKeys.importLegacy(actor, MAIN_TENANT, text, wish, deps.assertHolds);
  // Not fatal: whoever fills a prefix in another tenant would keep the whole server from starting.
  if (skipped.length > 0) deps.onError(skippedFault(apiKeysFile, skipped));
}

/** The prefixes stand in the cause, which the log shows. */
function skippedFault(file: string, skipped: readonly string[]): Error {
  const named = skipped.slice(0, MAX_NAMED).join(', ');
  const cause = new Error(`skipped keys of ${file} that begin with one of ${skipped.length} prefixes: ${named}`);
  return apiKeyFault('APIKEY_IMPORT_REFUSED', { skipped: skipped.length }, cause);
}

const MAX_NAMED = 20;

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
