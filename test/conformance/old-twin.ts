import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';

/** An old back end that trusts whoever reaches it. */
export interface OldTwin {
  readonly url: string;
  /** What came through to it, and with which credential. */
  readonly seen: { readonly path: string; readonly authorization: string | undefined; readonly body: string }[];
  close(): Promise<void>;
}

export async function startOldTwin(): Promise<OldTwin> {
  const seen: OldTwin['seen'] = [];
  const server = createServer(async (request, response) => {
    const { url = '', headers } = request;
    const body = (await request.setEncoding('utf8').toArray()).join('');
    seen.push({ path: url, authorization: headers.authorization, body });
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : assert.fail();
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
