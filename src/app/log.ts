import { pino } from 'pino';
import type { BackEndEvent } from '../gateway/index.ts';
import type { Context } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import type { Config } from './config.ts';

type LogFacts = Readonly<Record<string, string | number>>;

/** What the operator reads: JSON lines on standard error. Bodies, headers and query strings never stand here. */
export interface Log {
  info(message: string, facts?: LogFacts): void;
  warn(message: string, facts?: LogFacts): void;
  failed(error: unknown): void;
  /** A back end of the gateway went away, or is there again. */
  backEnd(event: BackEndEvent): void;
  failedRequest(error: unknown, context: Context): void;
}

export function createLog(config: Pick<Config, 'logLevel'>): Log {
  const logger = pino(
    { level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination(2),
  );
  return {
    info: (message, facts = {}) => logger.info(facts, message),
    warn: (message, facts = {}) => logger.warn(facts, message),
    backEnd: ({ kind, name, url, reason }) =>
      logger[kind === 'down' ? 'warn' : 'info']({ back_end: name, url, reason }, `a back end is ${kind}`),
    failed: (error) => logger.error(factsOf(error), 'something failed in the background'),
    failedRequest: (error, { requestId, method, url }) =>
      logger.error({ request: requestId, method, path: url.split('?', 1)[0], ...factsOf(error) }, 'a request failed'),
  };
}

/** The chain of causes: codes and messages of our own and of drivers, for whoever has to find out at night. */
function factsOf(error: unknown): Readonly<Record<string, unknown>> {
  const chain: unknown[] = [];
  for (let next = error; next instanceof Error && chain.length < 5; next = next.cause) {
    chain.push({
      code: 'code' in next ? next.code : undefined,
      message: next.message,
      stack: isFault(next) ? undefined : next.stack,
    });
  }
  return { error: chain.length === 0 ? String(error) : chain };
}
