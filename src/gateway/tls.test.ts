import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ask, portOf, startFront } from './gateway-kit.contract.ts';

/** A key and a certificate that vouches for itself, as files. */
function certificateOf(name: string): { readonly keyFile: string; readonly certFile: string } {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-gateway-'));
  after(() => rmSync(folder, { recursive: true }));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
  execFileSync('openssl', ['req', '-x509', ...curve, ...names, '-keyout', keyFile, '-out', certFile], {
    stdio: 'pipe',
  });
  return { keyFile, certFile };
}

test('a back end behind TLS must be the one it should be, and sees our certificate', async () => {
  const [theirs, ours, stranger] = [certificateOf('twin.internal'), certificateOf('gateway'), certificateOf('evil')];
  const server = createServer(
    {
      key: readFileSync(theirs.keyFile),
      cert: readFileSync(theirs.certFile),
      ca: readFileSync(ours.certFile),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => response.end(`${request.headers.host}`),
  );
  server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => void server.close().closeAllConnections());
  const url = `https://127.0.0.1:${portOf(server)}`;
  const tls = { caFile: theirs.certFile, certFile: ours.certFile, keyFile: ours.keyFile, serverName: 'twin.internal' };
  const statusWith = async (change: object, hostHeader?: string): Promise<string> => {
    const route = hostHeader === undefined ? {} : { hostHeader };
    const front = await startFront({ backEnd: { url, tls: { ...tls, ...change } }, route });
    const answer = await ask(front, 'GET', '/');
    return answer.status === 200 ? answer.text : JSON.parse(answer.text).code;
  };
  assert.equal(await statusWith({}), new URL(url).host);
  assert.equal(await statusWith({}, 'inner.example'), 'inner.example'); // a Host does not change who must answer
  assert.equal(await statusWith({ caFile: stranger.certFile }), 'GATEWAY_UNREACHABLE');
  assert.equal(await statusWith({ serverName: 'other.internal' }), 'GATEWAY_UNREACHABLE');
  assert.equal(await statusWith({ certFile: stranger.certFile, keyFile: stranger.keyFile }), 'GATEWAY_UNREACHABLE');
});
