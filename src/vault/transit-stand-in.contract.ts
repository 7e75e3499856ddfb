import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the stand-in misbehaves; `well` is as HashiCorp Vault 1.17 answers. */
export type Mood =
  | 'well'
  | 'sealed'
  | 'refusing'
  | 'slow'
  | 'garbage'
  | 'cut'
  | 'endless'
  | 'redirecting'
  | 'other key'
  | 'short key'
  | 'no decrypt';

/** A local stand-in of the API of Vault's Transit engine: real AES-256-GCM, versions of keys, tokens, namespaces. */
export interface TransitStandIn {
  readonly address: string;
  readonly token: string;
  mood: Mood;
  /** Every request that came: method, path and headers. */
  readonly seen: readonly { readonly path: string; readonly token: string; readonly namespace: string | undefined }[];
  /** Transit's own rotation: a new version of its key wraps from here on, all earlier ones still open. */
  rotate(): void;
  stop(): Promise<void>;
  restart(): Promise<void>;
}

const PATH = /^\/v1\/transit\/(datakey\/plaintext|decrypt)\/([\w.-]+)$/;

export async function startTransit(token = 'hvs.a-token-of-tests'): Promise<TransitStandIn> {
  const versions = [randomBytes(32)];
  const seen: { path: string; token: string; namespace: string | undefined }[] = [];
  const hanging = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await listen();
  const { port } = server.address() as AddressInfo; // a TCP server's address has a port

  async function listen(at = 0): Promise<void> {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = request.headers;
    const body = JSON.parse(await textOf(request));
    const given = String(headers['x-vault-token']);
    seen.push({ path: request.url ?? '', token: given, namespace: headers['x-vault-namespace']?.toString() });
    const say = (status: number, value: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (misbehave(standIn.mood, response, hanging)) return;
    if (standIn.mood === 'sealed') return say(503, { errors: ['Vault is sealed'] });
    if (given !== standIn.token || standIn.mood === 'refusing') return say(403, { errors: ['permission denied'] });
    const [, act] = PATH.exec(request.url ?? '') ?? [];
    if (act === undefined || request.method !== 'POST') return say(404, { errors: [] });
    if (act === 'decrypt') return say(...decrypt(standIn.mood, versions, String(body.ciphertext)));
    const key = randomBytes(standIn.mood === 'short key' ? 16 : 32);
    const made = { plaintext: key.toString('base64'), ciphertext: wrap(versions, key) };
    return say(200, { request_id: 'r', data: { ...made, key_version: versions.length } });
  }

  const standIn = {
    address: `http://127.0.0.1:${port}`,
    token,
    mood: 'well' as Mood,
    seen,
    rotate: () => void versions.push(randomBytes(32)),
    stop: async () => {
      for (const response of hanging) response.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
    restart: () => listen(port),
  };
  return standIn;
}

/** @returns whether it has answered, or never will */
function misbehave(mood: Mood, response: ServerResponse, hanging: Set<ServerResponse>): boolean {
  switch (mood) {
    case 'slow':
      hanging.add(response);
      return true;
    case 'garbage':
      response.end('<html>hvs.a-token-of-tests</html>');
      return true;
    case 'cut':
      response.writeHead(200, { 'content-length': '500' }).write('{"data":{');
      setImmediate(() => response.destroy());
      return true;
    case 'endless':
      response.writeHead(200);
      response.on('drain', () => response.write(Buffer.alloc(65_536, 0x20)));
      response.on('error', () => undefined);
      response.write(Buffer.alloc(65_536, 0x20));
      return true;
    case 'redirecting':
      response.writeHead(307, { location: 'http://127.0.0.1:1/v1/transit/decrypt/k' }).end();
      return true;
    default:
      return false;
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

function wrap(versions: readonly Buffer[], key: Buffer): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? Buffer.alloc(32), nonce);
  const sealed = Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
  return `vault:v${versions.length}:${sealed.toString('base64')}`;
}

function decrypt(mood: Mood, versions: readonly Buffer[], text: string): [number, object] {
  if (mood === 'no decrypt') return [403, { errors: ['1 error occurred: permission denied'] }];
  if (mood === 'other key') return [200, { data: { plaintext: randomBytes(32).toString('base64') } }];
  const [, version = '', sealed = ''] = /^vault:v(\d+):(.+)$/.exec(text) ?? [];
  const key = versions[Number(version) - 1];
  try {
    const bytes = Buffer.from(sealed, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', key ?? Buffer.alloc(32), bytes.subarray(0, 12), {
      authTagLength: 16,
    });
    decipher.setAuthTag(bytes.subarray(-16));
    const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    return [200, { data: { plaintext: plain.toString('base64') } }];
  } catch {
    return [400, { errors: ['invalid ciphertext: unable to decrypt'] }];
  }
}
