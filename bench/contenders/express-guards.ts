/** What the usual Express stack puts before its routes: a limiter and the check of a token. */
import type { NextFunction, Request, Response } from 'express';
import { type RateLimitRequestHandler, rateLimit } from 'express-rate-limit';
import { Redis } from 'ioredis';
import jwt, { type JwtPayload } from 'jsonwebtoken';
import { type RedisReply, RedisStore } from 'rate-limit-redis';

interface SignedIn {
  user: JwtPayload;
}
export type Reply = Response<unknown, SignedIn>;

/** @param where `memory` or a port of Redis */
export async function limiterIn(where: string): Promise<RateLimitRequestHandler> {
  // It counts each request and never refuses one: what is measured is the work, not the refusal.
  const settings = {
    windowMs: 60_000,
    limit: 1_000_000_000,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
  } as const;
  if (where === 'memory') return rateLimit(settings);
  const redis = new Redis({ host: '127.0.0.1', port: Number(where), lazyConnect: true });
  await redis.connect();
  const sendCommand = async (command: string, ...args: string[]): Promise<RedisReply> => {
    const reply = await redis.call(command, ...args);
    if (!isRedisReply(reply)) throw new TypeError('Redis answered with something else');
    return reply;
  };
  return rateLimit({ ...settings, store: new RedisStore({ sendCommand }) });
}

function isRedisReply(reply: unknown): reply is RedisReply {
  return typeof reply === 'string' || typeof reply === 'number' || Array.isArray(reply);
}

/** Verifies an HS256 token at each request. */
export const authenticateBy =
  (secret: string) =>
  (request: Request, response: Reply, next: NextFunction): void => {
    const token = /^Bearer (.+)$/.exec(request.get('authorization') ?? '')?.[1] ?? '';
    try {
      const payload = jwt.verify(token, secret, { algorithms: ['HS256'], issuer: 'bench', audience: 'bench' });
      if (typeof payload === 'string') throw new TypeError('a token of claims was expected');
      response.locals.user = payload;
    } catch {
      response.status(401).json({ error: 'invalid token' });
      return;
    }
    next();
  };
