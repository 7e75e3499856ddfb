import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { epochMs } from '../kernel/brand.ts';
import { createAddressGuard } from './address-guard.ts';
import { newCertificate } from './certificate.contract.ts';
import { createWebhookSender } from './webhook-sender.ts';

const webhook = { id: 'message-1', body: '{}', at: epochMs(1_000) };
const secrets = [Buffer.alloc(32, 1)];

/** Sends one webhook over TLS to a server on loopback that has a certificate for `localhost`. */
async function sendTo(hostname: string, trusted: boolean) {
  const { key, cert } = newCertificate();
  const names: string[] = [];
  const SNICallback = (name: string, done: (error: null) => void): void => {
    names.push(name);
    done(null);
  };
  const server = createServer({ key, cert, SNICallback }, (_, response) => response.end('taken'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address has a port
  const before = getCACertificates('default');
  const guard = createAddressGuard(['127.0.0.1'], async () => [{ address: '127.0.0.1', family: 4 }]);
  const sender = createWebhookSender(guard, 5_000);
  try {
    if (trusted) setDefaultCACertificates([...before, cert]);
    const target = { url: `https://${hostname}:${port}/`, secrets };
    return { outcome: await sender.send(target, webhook, AbortSignal.timeout(10_000)), names };
  } finally {
    setDefaultCACertificates(before);
    await sender.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('over TLS the certificate is held against the name of the URL, though the address was looked up before', async () => {
  const { outcome, names } = await sendTo('localhost', true);
  assert.deepEqual(outcome, { kind: 'sent', status: 200 });
  assert.deepEqual(names, ['localhost']);
});

// Attack: whoever sits between us and the receiver shows a certificate of another name, or of their own making.
test('over TLS a certificate of another name, or of nobody, gets nothing', async () => {
  assert.deepEqual((await sendTo('hooks.example', true)).outcome, {
    kind: 'retry',
    reason: 'err_tls_cert_altname_invalid',
  });
  assert.deepEqual((await sendTo('localhost', false)).outcome, {
    kind: 'retry',
    reason: 'depth_zero_self_signed_cert',
  });
});
