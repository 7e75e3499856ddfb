import { setTimeout as pause } from 'node:timers/promises';
import type { PostgresServer } from '../../src/testing/index.ts';
import type { Dice } from './dice.ts';

/**
 * Ends a database server as a crash does (SIGKILL, after which its children find out by themselves) or as its own
 * immediate shutdown does (SIGQUIT), leaves it away for a moment, and starts it again on the same files.
 */
export function databaseKiller(server: PostgresServer): (dice: Dice) => Promise<void> {
  return async (dice) => {
    await server.kill(dice.pick(['SIGKILL', 'SIGQUIT'] as const));
    await pause(dice.between(0, 1_500));
    await server.restart();
  };
}
