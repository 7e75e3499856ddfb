import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { type Config, chainProblems, readTlsMaterial, servesTls } from '../app/index.ts';
import { systemClock } from '../kernel/clock.ts';
import type { Run } from './command.ts';
import { failure, usageFault } from './errors.ts';
import { loadSettings } from './setting.ts';

const PATIENCE_MS = 5_000;
const MOST_OF_CHAIN = 10;

interface Shown {
  readonly from: string;
  readonly chain: readonly X509Certificate[];
  /** Of the connection that it came over. */
  readonly protocol?: string | undefined;
}

/** `tls show`: what clients get to see. */
export const showTls: Run = async (args, terminal) => {
  const url = args.text('url');
  const shown = url === undefined ? await ownCertificate(await loadSettings()) : await askServer(hostOf(url));
  const { from, chain, protocol } = shown;
  const [leaf] = chain;
  if (leaf === undefined) throw failure(`${from} shows no certificate.`);
  const problems = [...timeProblems(leaf), ...chainProblems(chain, systemClock.now())];
  const key = leaf.publicKey;
  const value = {
    from,
    protocol: protocol ?? null,
    subject: leaf.subject,
    names: leaf.subjectAltName ?? '',
    issuer: leaf.issuer,
    key: `${key.asymmetricKeyType} ${key.asymmetricKeyDetails?.modulusLength ?? key.asymmetricKeyDetails?.namedCurve ?? ''}`.trim(),
    from_date: leaf.validFromDate.toISOString(),
    until: leaf.validToDate.toISOString(),
    sha256: leaf.fingerprint256,
    chain: chain.slice(1).map(({ subject }) => subject),
    problems,
  };
  const rows = Object.entries(value).map(([name, cell]) => {
    const text = Array.isArray(cell) ? cell.join('; ') || 'none' : String(cell ?? '-');
    return `${name.replace('_date', '').padEnd(9)} ${text.replaceAll('\n', ', ')}`;
  });
  terminal.answer(value, rows.join('\n'));
  return problems.length === 0 ? 0 : 1;
};

function timeProblems({ validToDate, validFromDate }: X509Certificate): readonly string[] {
  const now = systemClock.now();
  if (validToDate.getTime() <= now) return ['the certificate has run out'];
  return validFromDate.getTime() > now ? ['the certificate is not good yet'] : [];
}

/** Of the server that runs; where none does, of the files that the next one would serve. @throws CONFIG_INVALID */
async function ownCertificate(config: Config): Promise<Shown> {
  if (!servesTls(config.tls)) throw failure('No certificate is set; make one: twinkeep tls generate');
  const host = config.host === '0.0.0.0' ? '127.0.0.1' : config.host === '::' ? '::1' : config.host;
  if (config.port !== 0) {
    const shown = await askServer({ host, port: config.port }).catch(() => undefined);
    if (shown !== undefined) return shown;
  }
  const { chain } = readTlsMaterial(config.tls, systemClock.now());
  return { from: config.tls.certFile ?? '', chain };
}

/** @throws CLI_USAGE */
function hostOf(text: string): { readonly host: string; readonly port: number } {
  const url = URL.parse(text);
  if (url === null || url.protocol !== 'https:') throw usageFault('--url needs an address: --url https://host:port');
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : Number(url.port) };
}

/** Nothing is sent to it, so it may be anybody: what it shows is what is looked at. @throws CLI_FAILED */
function askServer({ host, port }: { readonly host: string; readonly port: number }): Promise<Shown> {
  const from = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket: TLSSocket = connect({ host, port, ...name, rejectUnauthorized: false, timeout: PATIENCE_MS });
    const lost = (error?: Error): void => {
      socket.destroy();
      reject(
        failure(`${from} does not answer by TLS${error === undefined ? ' in time' : `: ${error.message}`}.`, {}, error),
      );
    };
    socket.once('timeout', () => lost()).once('error', lost);
    socket.once('secureConnect', () => {
      const protocol = socket.getProtocol() ?? undefined;
      const chain = chainOf(socket);
      socket.destroy();
      resolve({ from, chain, protocol });
    });
  });
}

function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < MOST_OF_CHAIN) {
    chain.push(new X509Certificate(next.raw));
    if (next.issuerCertificate === next || next.issuerCertificate === undefined) break;
    next = next.issuerCertificate;
  }
  return chain;
}
