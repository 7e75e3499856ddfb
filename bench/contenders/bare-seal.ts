/** The floor of sealing over HTTP: a body is parsed, each text goes through the bare cipher, the answer is written. */
import { createCipheriv, createSecretKey, randomBytes, randomFillSync } from 'node:crypto';
import { createServer } from 'node:http';

const key = createSecretKey(randomBytes(32));
const nonces = Buffer.alloc(12 * 1_024);
let drawn = nonces.length;

function nextNonce(): Buffer {
  if (drawn === nonces.length) {
    randomFillSync(nonces);
    drawn = 0;
  }
  drawn += 12;
  return nonces.subarray(drawn - 12, drawn);
}

function seal({ text }: { readonly text: string }): { readonly sealed: string } {
  const nonce = nextNonce();
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const bytes = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { sealed: bytes.toString('base64url') };
}

const server = createServer((request, response) => {
  if (request.method !== 'POST') {
    response.writeHead(200).end();
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body: { readonly items: readonly { readonly text: string }[] } = JSON.parse(Buffer.concat(chunks).toString());
    const reply = Buffer.from(JSON.stringify({ failed: 0, items: body.items.map(seal) }));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': reply.length }).end(reply);
  });
});

server.listen(Number(process.env['PORT']), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
