/**
 * A building with meters that live, mirrored for whoever the gateway vouches for: `node main.ts`.
 *
 * `HOST` (loopback only), `PORT` (0 takes a free one), `TWINKEEP_ISSUER`, `TWINKEEP_JWKS_URL`, and `TWIN_TIME` for a
 * building whose clock starts elsewhere. Prints one JSON line when it listens; ends on SIGTERM, SIGINT, or with its parent.
 */
import { fstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVerifier } from './assertion.ts';
import { createViewers } from './live.ts';
import { createTwinServer } from './server.ts';
import { createTwin } from './twin.ts';

const { env } = process;
const host = env['HOST'] ?? '127.0.0.1';
const port = Number(env['PORT'] ?? 9_000);
const issuer = env['TWINKEEP_ISSUER'] ?? 'http://127.0.0.1:8080';
const jwksUrl = env['TWINKEEP_JWKS_URL'] ?? 'http://127.0.0.1:8080/.well-known/assertion-jwks.json';
const aheadMs = env['TWIN_TIME'] === undefined ? 0 : Date.parse(env['TWIN_TIME']) - Date.now();

// Whoever reaches the twin past the gateway reaches it past every policy, so it is not to be found from outside.
if (!/^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host)) stopAtOnce(`HOST is ${host}, and only loopback is listened on`);
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  stopAtOnce(`PORT is ${env['PORT']}, not a number up to 65535`);
if (Number.isNaN(aheadMs)) stopAtOnce(`TWIN_TIME is ${env['TWIN_TIME']}, not a time such as 2026-06-21T12:00:00Z`);

const viewers = createViewers();
const twin = createTwin(viewers, () => Date.now() + aheadMs);
const verifyAssertion = createVerifier({ jwksUrl, issuer: `${issuer}/gateway`, audience: 'energy-twin' });
const server = createTwinServer({ twin, viewers, verifyAssertion, files: pageFiles() });
const ticking = setInterval(() => twin.tick(), 1_000);

server.on('error', (error) => stopAtOnce(error.message));
server.listen(port, host, () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) {
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    console.log(JSON.stringify({ listening: `http://${name}:${address.port}` }));
  }
});
process.once('SIGTERM', stop).once('SIGINT', stop).once('disconnect', stop);
if (isPiped()) process.stdin.on('error', stop).on('end', stop).resume();

function pageFiles() {
  const file = (name: string, type: string) => ({ type, body: readFileSync(join(import.meta.dirname, 'page', name)) });
  return new Map([
    ['/', file('index.html', 'text/html; charset=utf-8')],
    ['/app.js', file('app.js', 'text/javascript; charset=utf-8')],
    ['/style.css', file('style.css', 'text/css; charset=utf-8')],
  ]);
}

/** Whether a parent holds the other end of standard input; a terminal or /dev/null says nothing about one. */
function isPiped(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isSocket();
  } catch {
    return false; // started without standard input
  }
}

function stop(): void {
  clearInterval(ticking);
  viewers.close();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), 2_000).unref(); // a viewer that never says goodbye
}

function stopAtOnce(why: string): never {
  console.error(JSON.stringify({ level: 'fatal', message: why }));
  process.exit(1);
}
