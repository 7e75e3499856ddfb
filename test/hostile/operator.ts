import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Kit } from '../../src/testing/index.ts';

/** The owner's door of a kit, on a port: what is shown for it holds for the socket, for it is one line. */
export interface OperatorPort {
  readonly address: string;
  close(): Promise<void>;
}

export async function openOperatorPort({ twinkeep }: Kit): Promise<OperatorPort> {
  const server = createServer(twinkeep.handleOperator);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { address: `http://127.0.0.1:${address.port}`, close };
}

/** Routes that no person and no key may use, whatever their roles. */
export const isOperators = ({ access }: Kit['twinkeep']['routes'][number]): boolean =>
  access.kind === 'permission'
    ? access.permission.startsWith('platform:')
    : access.kind === 'signed-in' && access.as === 'operator';
