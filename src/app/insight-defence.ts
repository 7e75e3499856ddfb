import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Clock, days } from '../kernel/clock.ts';
import type { DefenceFacts, ModeFacts, TransportFacts } from '../posture/index.ts';
import type { Config } from './config.ts';
import { servesTls } from './tls-config.ts';

/** Who speaks TLS, and how. @param isHttps whether the public address says so */
export async function transportOf(config: Config, isHttps: boolean, clock: Clock): Promise<TransportFacts> {
  const { tls, trustedProxies } = config;
  const served = servesTls(tls);
  const proxy = trustedProxies.length > 0 ? 'named' : 'unnamed';
  return {
    served,
    minVersion: tls.minVersion,
    behindProxy: served || !isHttps ? undefined : proxy,
    certificate:
      served && tls.certFile !== undefined
        ? { daysLeft: await daysLeftOf(tls.certFile, clock), warnDays: tls.warnDays }
        : undefined,
    redirectPort: served ? tls.redirectPort : undefined,
  };
}

/** Of the file, which is what is served within a second; one that is no good is not, and is to be told of. */
async function daysLeftOf(file: string, clock: Clock): Promise<number | undefined> {
  try {
    const { validToDate } = new X509Certificate(await readFile(file));
    return Math.floor((validToDate.getTime() - clock.now()) / days(1));
  } catch {
    return undefined;
  }
}

/** What is done about attacks; where detection is off nobody is blocked for them, and where inspection is, nobody looks. */
export function defenceOf({ detection, gateway }: Config): DefenceFacts {
  const { never, neverBlocked, inspection } = detection;
  const modes = (routes: readonly { readonly detection: DefenceFacts['own'] }[]): ModeFacts => {
    const of = (mode: DefenceFacts['own']): number => routes.filter((route) => route.detection === mode).length;
    return inspection.mode === 'off'
      ? { block: 0, shadow: 0, off: routes.length }
      : { block: of('block'), shadow: of('shadow'), off: of('off') };
  };
  return {
    own: inspection.mode,
    gateway: modes(gateway.routes),
    forwardAuth: modes(gateway.forwardAuth.routes),
    never: never.length + neverBlocked.length,
    wide: never.filter(isWide),
  };
}

const WIDE_V4 = 16;
const WIDE_V6 = 32;

/** Larger than what one house has. */
function isWide(cidr: string): boolean {
  const [address = '', bits] = cidr.split('/');
  return bits !== undefined && Number(bits) < (address.includes(':') ? WIDE_V6 : WIDE_V4);
}
