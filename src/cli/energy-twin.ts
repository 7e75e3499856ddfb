import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ConfigInput } from '../app/index.ts';
import { failure } from './errors.ts';

/** The example twin that stands behind the gateway at a first look: a building whose meters live. */
export interface EnergyTwin {
  /** What Twinkeep must know to stand in front of it. */
  readonly config: ConfigInput;
  /**
   * Starts it; it ends with this process, however that ends.
   *
   * @param address where Twinkeep listens
   * @param issuer that of Twinkeep's own tokens
   */
  start(address: string, issuer: string): ChildProcess;
}

const FOLDER = join(dirname(import.meta.dirname), '..', 'examples', 'energy-twin');
const NAME = 'energy-twin';

/** @throws CLI_FAILED where the examples are not beside the program, as in the published package */
export async function findEnergyTwin(): Promise<EnergyTwin> {
  const main = join(FOLDER, 'main.ts');
  if (!existsSync(main)) throw failure('The example twin is part of the repository alone; leave --twin out.');
  const port = await freePort();
  const { default: config } = await import(pathToFileURL(join(FOLDER, 'twinkeep.config.ts')).href);
  const { backEnds } = config.gateway;
  const backEnd = { ...backEnds[NAME], url: `http://127.0.0.1:${port}` };
  return {
    config: { gateway: { ...config.gateway, backEnds: { ...backEnds, [NAME]: backEnd } } },
    start: (address, issuer) => {
      const { PATH, HOME, TZ } = process.env; // and nothing of ours: there are secrets in it
      const own = { HOST: '127.0.0.1', PORT: String(port), TWINKEEP_ISSUER: issuer };
      const child = spawn(process.execPath, [main], {
        env: { PATH, HOME, TZ, ...own, TWINKEEP_JWKS_URL: `${address}/.well-known/assertion-jwks.json` },
        stdio: ['pipe', 'ignore', 'inherit'], // a pipe that closes tells it that we are gone
      });
      child.unref();
      return child;
    },
  };
}

/** A port that nobody has at this moment. */
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo; // a TCP server's address has a port
      server.close(() => resolve(port));
    });
  });
}
