/**
 * The usual gateway of the Express world, written the way its documentation shows: helmet, express-rate-limit,
 * jsonwebtoken (HS256, verified at each request) and http-proxy-middleware.
 *
 * Environment: PORT, JWT_SECRET, LIMITER (`off`, `memory` or a port of Redis), BACK_END (origin).
 */
import { Agent } from 'node:http';
import express from 'express';
import helmet from 'helmet';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { authenticateBy, limiterIn } from './express-guards.ts';

const { PORT, JWT_SECRET = '', LIMITER = 'memory', BACK_END = '' } = process.env;

const app = express();
app.use(helmet());
app.get('/ready', (_request, response) => {
  response.json({ status: 'ready' });
});
if (LIMITER !== 'off') app.use(await limiterIn(LIMITER));
app.use(authenticateBy(JWT_SECRET));
// Without an agent it opens a connection for each request; its users find that out, and so do we.
const agent = new Agent({ keepAlive: true, maxSockets: 128 });
app.use(createProxyMiddleware({ target: BACK_END, changeOrigin: true, agent }));

app.listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
