/** The floor: what `node:http` itself costs. It checks nothing and keeps nothing. Its WebSockets say nothing. */
import { createHash } from 'node:crypto';
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

const WEBSOCKET = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455 §1.3
server.on('upgrade', ({ headers }, socket) => {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}${WEBSOCKET}`).digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'connection: upgrade', 'upgrade: websocket'];
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
  socket.resume();
  socket.write(`${[...head, `sec-websocket-accept: ${accept}`].join('\r\n')}\r\n\r\n`);
});

server.listen(Number(process.env['PORT']), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
