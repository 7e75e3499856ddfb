/** Floor 9. A kit for tests, ours and our users': real servers that are thrown away afterwards. */

export {
  type Answer,
  type Call,
  createKit,
  createTestClock,
  KIT_PASSWORD,
  type Kit,
  type KitOptions,
  type TestClock,
} from './kit.ts';
export { type PostgresServer, queryPostgres, startPostgres } from './postgres-server.ts';
export { startRedis } from './redis-server.ts';
export { serverSuite, type TestServer } from './servers.ts';
