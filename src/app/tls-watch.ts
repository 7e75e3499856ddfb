import { statSync } from 'node:fs';
import type { Clock } from '../kernel/clock.ts';
import { days, hours } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Log } from './log.ts';
import type { TlsConfig } from './tls-config.ts';
import { chainProblems, readTlsMaterial, type TlsMaterial, tlsFilesOf } from './tls-material.ts';

export interface TlsWatchDeps {
  readonly tls: TlsConfig;
  readonly clock: Clock;
  /** Of the one thread that tells; others say nothing. */
  readonly log: Pick<Log, 'info' | 'warn'> | undefined;
  readonly onNew: (material: TlsMaterial) => void;
}

/** The files of a certificate, looked at again and again: renewed ones are served without anybody's doing. */
export interface TlsWatch {
  /** What is served now. */
  readonly material: TlsMaterial;
  /** Looks at once. */
  look(): void;
  stop(): void;
}

const EVERY_MS = 1_000;
const REMIND_MS = hours(24);

/**
 * Looked at by time, size and inode rather than listened to: a mount that swaps a symbolic link, as Kubernetes does, and
 * one over a network tell nobody.
 *
 * @throws CONFIG_INVALID where the files are no good at the start
 */
export function watchTls({ tls, clock, log, onNew }: TlsWatchDeps): TlsWatch {
  const files = tlsFilesOf(tls);
  let served = signatureOf(files);
  let seen = served; // what lay there at the last look
  let material = readTlsMaterial(tls, clock.now());
  let told: string | undefined; // why what lies there is not served
  let remindedAt = -REMIND_MS;
  for (const problem of chainProblems(material.chain, clock.now()))
    log?.warn('the certificate may not be accepted', { problem });

  function look(): void {
    const now = signatureOf(files);
    if (now !== served) take(now);
    else told = undefined; // whoever put the old ones back has mended it
    seen = now;
    remind();
  }

  /**
   * Tried at each look for as long as it lies there: one that is good a little later, for it was not valid yet or the
   * disk failed, must not wait for a restart. A pair is written file by file, so of what is no good nobody is told
   * before it has been looked at once more, and then once for each reason.
   */
  function take(now: string): void {
    try {
      const next = readTlsMaterial(tls, clock.now());
      onNew(next);
      material = next;
      served = now;
      told = undefined;
      remindedAt = -REMIND_MS;
      log?.info('another certificate is served', factsOf(material));
    } catch (error) {
      const flaws = isFault(error) ? JSON.stringify(error.facts['errors']) : String(error);
      if (now !== seen || flaws === told) return;
      told = flaws;
      log?.warn('the new certificate is refused; the old one is served on', { flaws, ...factsOf(material) });
    }
  }

  function remind(): void {
    const left = material.chain[0].validToDate.getTime() - clock.now();
    if (left > days(tls.warnDays) || clock.now() - remindedAt < REMIND_MS) return;
    remindedAt = clock.now();
    log?.warn(left > 0 ? 'the certificate runs out soon' : 'the certificate has run out', factsOf(material));
  }

  remind();
  const timer = setInterval(look, EVERY_MS).unref();
  return {
    get material() {
      return material;
    },
    look,
    stop: () => clearInterval(timer),
  };
}

const factsOf = ({ chain: [leaf] }: TlsMaterial) => ({
  until: leaf.validToDate.toISOString(),
  sha256: leaf.fingerprint256,
});

function signatureOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const found = statSync(file, { throwIfNoEntry: false, bigint: true });
      return found === undefined ? 'none' : `${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
    })
    .join(' ');
}
