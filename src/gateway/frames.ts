import { isUtf8 } from 'node:buffer';

/** What the bytes of a socket begin with. */
export type FirstFrame =
  | { readonly kind: 'more' }
  | { readonly kind: 'bad'; readonly reason: string }
  | { readonly kind: 'text'; readonly text: string; readonly rest: Buffer };

const TEXT = 0x1;
const CLOSE = 0x8;
const FIN = 0x80;
const MASKED = 0x80;

/**
 * The first frame of a socket, which must be one whole, uncompressed text: nothing else may come before it is known who
 * sends it, so nothing else need be understood here.
 *
 * @param masked true for what a client sends, false for what a server does
 * @see RFC 6455 §5.2, §5.3
 */
export function readFirstText(bytes: Buffer, masked: boolean, maxBytes: number): FirstFrame {
  const [first, second] = bytes;
  if (first === undefined) return { kind: 'more' };
  if (first !== (FIN | TEXT)) return bad('it must be one whole frame of text, not compressed');
  if (second === undefined) return { kind: 'more' };
  if (((second & MASKED) !== 0) !== masked) return bad('the masking is wrong');
  const size = sizeOf(bytes, second & 0x7f);
  if (size === undefined) return { kind: 'more' };
  if (size.length > maxBytes || size.wasteful) return bad('it is too long');
  const from = size.at + (masked ? 4 : 0);
  if (bytes.length < from + size.length) return { kind: 'more' };
  const payload = Buffer.from(bytes.subarray(from, from + size.length));
  if (masked) unmask(payload, bytes.subarray(size.at, from));
  if (!isUtf8(payload)) return bad('it is not UTF-8');
  return { kind: 'text', text: payload.toString(), rest: bytes.subarray(from + size.length) };
}

const bad = (reason: string): FirstFrame => ({ kind: 'bad', reason });

interface Size {
  readonly length: number;
  /** Where what follows the length begins. */
  readonly at: number;
  /** Told in more bytes than it takes, which the protocol forbids. */
  readonly wasteful: boolean;
}

function sizeOf(bytes: Buffer, short: number): Size | undefined {
  if (short < 126) return { length: short, at: 2, wasteful: false };
  if (short === 126) {
    if (bytes.length < 4) return undefined;
    const length = bytes.readUInt16BE(2);
    return { length, at: 4, wasteful: length < 126 };
  }
  if (bytes.length < 10) return undefined;
  const length = bytes.readUInt32BE(2) * 2 ** 32 + bytes.readUInt32BE(6);
  return { length, at: 10, wasteful: length < 65_536 };
}

function unmask(payload: Buffer, mask: Buffer): void {
  for (let at = 0; at < payload.length; at++) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0);
}

/** One frame of text. @param mask four random bytes where we are the client */
export const textFrame = (text: string, mask?: Buffer): Buffer => frame(TEXT, Buffer.from(text), mask);

/** The last frame of a socket. @param reason at most 123 bytes, never what a client or a back end said */
export function closeFrame(code: number, reason: string): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return frame(CLOSE, payload);
}

function frame(opcode: number, payload: Buffer, mask?: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = FIN | opcode;
  head[1] = (mask === undefined ? 0 : MASKED) | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeUInt32BE(length, 6); // the upper half stays zero: nothing of ours is that long
  if (mask === undefined) return Buffer.concat([head, payload]);
  const hidden = Buffer.from(payload);
  unmask(hidden, mask);
  return Buffer.concat([head, mask, hidden]);
}
