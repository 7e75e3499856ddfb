import type { IncomingMessage } from 'node:http';
import { type Detection, MAX_HELD_BYTES, type Verdict } from '../detection/index.ts';
import { type Context, type HeldForm, httpFault, type Input, mediaType, type Route } from '../http/index.ts';
import { hasBody, readInput } from './input.ts';

type Parsed = Pick<Input, 'params' | 'query' | 'body' | 'stream'>;

export interface BodyReaderDeps {
  readonly detection: Pick<Detection, 'inspect' | 'inspectInTurns' | 'modeOf'>;
}

/** Reads what a request brings beside its head. */
export interface BodyReader {
  /**
   * @param tell hears of an attack, and throws where the route blocks
   * @throws HTTP_BODY_TOO_LARGE, HTTP_BODY_TOO_SLOW, HTTP_BODY_CUT_SHORT and those of `readInput`
   */
  read(
    route: Route,
    request: IncomingMessage,
    context: Context,
    params: unknown,
    tell: (verdict: Verdict) => Promise<void>,
  ): Parsed | Promise<Parsed>;
  /**
   * A form as it came, as far as it is held; whoever reads the body afterwards still gets all of it.
   *
   * @throws HTTP_BODY_TOO_LARGE, HTTP_BODY_TOO_SLOW, HTTP_BODY_CUT_SHORT
   */
  formOf(route: Route, request: IncomingMessage): Promise<HeldForm | undefined>;
}

const MAX_MS = 60_000; // its pace is watched from outside; this ends what keeps the pace and has no end
const LARGE_BYTES = 8_192;
/** Bytes of all bodies that are held at the same time: a thousand slow senders must not fill the memory. */
const MOST_HELD_BYTES = 67_108_864;

let heldBytes = 0; // of this process: that is what runs out of memory
const LONGER = 'a body that is looked at may be this long; for longer ones the route says inspect: head';

/** Own routes have schemas for a body; one that is handed on stays as it came, and is looked at where that is asked for. */
export function createBodyReader({ detection }: BodyReaderDeps): BodyReader {
  const forms = new WeakMap<IncomingMessage, HeldBody>();
  return {
    formOf: async (route, request) => {
      const { maxBodyBytes = Number.POSITIVE_INFINITY, streams = [] } = route;
      const isStream = streams.includes(mediaType(request.headers['content-type']));
      if (!hasBody(request) || isStream) return undefined;
      assertLength(Number(request.headers['content-length'] ?? 0), maxBodyBytes, false);
      const maxBytes = Math.min(MAX_HELD_BYTES, maxBodyBytes);
      const held = forms.get(request) ?? (await holdBody(request, maxBytes));
      if (held.isWhole) forms.set(request, held);
      return { bytes: new Uint8Array(held.bytes), isWhole: held.isWhole, maxBytes };
    },
    read: (route, request, context, params, tell) => {
      const look = (body: Uint8Array, isWhole = true): Promise<void> | undefined => {
        if (context.operator) return undefined;
        const mayGrow = request.headers['content-encoding'] !== undefined; // 4 KB may be megabytes
        if (body.length > LARGE_BYTES || mayGrow) return lookInTurns(body, isWhole);
        return consider(detection.inspect(route, context, body, isWhole));
      };
      /** What can't be seen does not pass where attacks are refused, but whoever sent it is no attacker. */
      const consider = (verdict: Verdict | undefined): Promise<void> | undefined => {
        if (verdict?.attack === true) return tell(verdict);
        if (verdict?.mode === 'block' && verdict.unreadable !== undefined) throw unreadable(verdict.unreadable);
        return undefined;
      };
      /** A large one must not keep everybody else waiting. */
      const lookInTurns = async (body: Uint8Array, isWhole: boolean): Promise<void> => {
        const told = consider(await detection.inspectInTurns(route, context, body, isWhole));
        if (told !== undefined) await told;
      };
      if (route.relay === undefined) return readInput(route, request, params, look);
      const mode = detection.modeOf(route);
      const isLookedAt = route.inspect === 'head+body' && mode !== 'off' && !context.operator && hasBody(request);
      const form = forms.get(request);
      if (isLookedAt) return readHeld(route, request, params, mode === 'block', look, form);
      return { params, query: undefined, body: form?.bytes, stream: form === undefined ? request : undefined };
    },
  };
}

const unreadable = (why: NonNullable<Verdict['unreadable']>) =>
  why === 'too-large'
    ? httpFault('HTTP_BODY_TOO_LARGE', { max_bytes: MAX_HELD_BYTES, detail: LONGER })
    : httpFault('HTTP_BODY_ENCODING');

/** Where the route blocks, nothing goes on of which a part was not seen; where it only watches, nothing may break. */
async function readHeld(
  { maxBodyBytes = Number.POSITIVE_INFINITY }: Route,
  request: IncomingMessage,
  params: unknown,
  blocks: boolean,
  look: (body: Uint8Array, isWhole: boolean) => Promise<void> | undefined,
  form?: HeldBody,
): Promise<Parsed> {
  const length = Number(request.headers['content-length'] ?? 0);
  assertLength(length, maxBodyBytes, blocks); // before it is read
  const held = form ?? (await holdBody(request, MAX_HELD_BYTES));
  if (held.isWhole) assertLength(held.bytes.length, maxBodyBytes, blocks);
  else if (blocks) throw tooMuch(held);
  const told = look(held.bytes, held.isWhole);
  if (told !== undefined) await told;
  const given = { params, query: undefined };
  return held.isWhole
    ? { ...given, body: held.bytes, stream: undefined }
    : { ...given, body: undefined, stream: request };
}

/** It was longer than is held, or there was no room for it among those of others. */
const tooMuch = ({ bytes }: HeldBody) =>
  bytes.length < MAX_HELD_BYTES
    ? httpFault('HTTP_BODIES_BUSY')
    : httpFault('HTTP_BODY_TOO_LARGE', { max_bytes: MAX_HELD_BYTES, detail: LONGER });

/** @throws HTTP_BODY_TOO_LARGE */
function assertLength(bytes: number, maxBytes: number, blocks: boolean): void {
  if (bytes > maxBytes) throw httpFault('HTTP_BODY_TOO_LARGE', { max_bytes: maxBytes });
  if (blocks && bytes > MAX_HELD_BYTES) {
    throw httpFault('HTTP_BODY_TOO_LARGE', { max_bytes: MAX_HELD_BYTES, detail: LONGER });
  }
}

/** A body that was read, or the first part of a longer one, which is still to come from the request as if nobody had read. */
interface HeldBody {
  readonly isWhole: boolean;
  readonly bytes: Buffer;
}

/** @throws HTTP_BODY_TOO_SLOW, HTTP_BODY_CUT_SHORT */
function holdBody(request: IncomingMessage, most: number): Promise<HeldBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const leave = (): void => {
      clearTimeout(deadline);
      heldBytes -= size;
      request.off('data', onData).off('end', onEnd).off('error', onCut).off('close', onCut);
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      heldBytes += chunk.length;
      if (size <= most && heldBytes <= MOST_HELD_BYTES) return;
      leave();
      request.pause();
      const read = Buffer.concat(chunks);
      request.unshift(read);
      resolve({ isWhole: false, bytes: read.subarray(0, most) });
    };
    const onEnd = (): void => {
      leave();
      const [only] = chunks;
      resolve({ isWhole: true, bytes: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks) });
    };
    const onCut = (error?: unknown): void => {
      leave();
      reject(httpFault('HTTP_BODY_CUT_SHORT', {}, error));
    };
    const onDeadline = (): void => {
      leave();
      request.pause(); // the rest stays with the sender: the connection is closed after the answer
      reject(httpFault('HTTP_BODY_TOO_SLOW', { max_s: MAX_MS / 1_000 }));
    };
    const deadline = setTimeout(onDeadline, MAX_MS).unref();
    request.on('data', onData).on('end', onEnd).on('error', onCut).on('close', onCut);
  });
}
