/** The floor: what `node:http` itself costs. It checks nothing and keeps nothing. */
import { createServer } from 'node:http';

const REPLY = Buffer.from(JSON.stringify({ username: 'ada', roles: ['analyst'], tenant_id: 'plant-1' }));
const HEADERS = { 'content-type': 'application/json', 'content-length': REPLY.length };

const server = createServer((request, response) => {
  if (request.method !== 'POST') {
    response.writeHead(200, HEADERS).end(REPLY);
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString());
    response.writeHead(201, HEADERS).end(REPLY);
  });
});

server.listen(Number(process.env['PORT']), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
