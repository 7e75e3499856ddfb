import { HEADERS } from './corpora.ts';
import type { Probe } from './probe.ts';
import type { WholeRequest } from './subject.ts';

const BOUNDARY = '----twinkeepUpload';

/** One file as a browser uploads it. */
export function uploadRequest(name: string, type: string, content: string | Buffer): WholeRequest {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`;
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return posted(
    `multipart/form-data; boundary=${BOUNDARY}`,
    Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]),
  );
}

/** Parts without names: a batch, or a document and what belongs to it. */
export function mixedRequest(subtype: string, parts: readonly (readonly [type: string, content: string])[]) {
  const text = parts.map(([type, content]) => `--mixed_1\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`).join('');
  return posted(`multipart/${subtype}; boundary=mixed_1`, Buffer.from(`${text}--mixed_1--\r\n`));
}

const posted = (type: string, body: Buffer): WholeRequest => ({
  method: 'POST',
  uri: '/v1/files',
  headers: { ...HEADERS, 'content-type': type },
  body,
});

export const requestProbe = (id: string, request: WholeRequest): Probe => ({
  id,
  source: 'own',
  weak: false,
  input: { kind: 'request', request, shown: Buffer.from(request.body.subarray(0, 400)).toString('latin1') },
});
