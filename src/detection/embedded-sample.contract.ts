import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { openEmbeddedDetection } from './index.ts';

const detection = openEmbeddedDetection({ mode: 'block' });
const notes = detection.on({ route: 'POST /notes', textFields: ['body.note'] });

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = Buffer.alloc(0);
  for await (const chunk of request) {
    body = Buffer.concat([body, chunk]);
    if (body.length > 131_072) throw new Error('too long'); // ends the connection
  }
  const eyes = request.url === '/notes' ? notes : detection;
  const { refusal, attack, findings } = await eyes.inspect(request, body);
  if (attack) console.log(findings[0]?.at, findings[0]?.class); // body.meter sqli
  response.writeHead(refusal ?? 200).end(refusal === undefined ? 'served' : 'refused');
}

const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
server.listen(3000, '127.0.0.1');
