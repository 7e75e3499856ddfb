import type { IncomingHttpHeaders } from 'node:http';
import { isBinary, isForeignCharset, isNoise, readingsOf, textRunsOf } from './charset.ts';
import { undoContentEncoding } from './content-encoding.ts';
import { visitValue, walkJson } from './json.ts';
import type { Oddity, Visit } from './leaf.ts';
import { boundarySeen, type Kind, kindSeen, type Media, mediaOf } from './media.ts';
import { messageIn } from './message.ts';
import { type PartHead, walkMultipart } from './multipart.ts';
import { visitDecoded, walkPairs } from './pairs.ts';
import { type Upload, uploadOf } from './upload.ts';
import { addOddity, endWalk, startWalk, visitName, visitText, type Walk } from './walk.ts';
import { walkXml } from './xml.ts';

const NOTHING: readonly Oddity[] = [];
const BLANK = /^\s*$/;
const MAX_MULTIPARTS = 2;
const RECORD_SEPARATOR = 0x1e; // before each text of a JSON sequence, RFC 7464
/** So much of a compressed body is looked at where nothing else is said. */
const MOST_INFLATED = 1_048_576;
/** No XML text has these. @see XML 1.0 §2.2 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what tells noise from XML
const NO_XML = /[\0-\x08\x0b\x0c\x0e-\x1f]/;

/**
 * Visits every text of a body: as its type says, and as it looks where that differs. Compressed bodies are looked into.
 * Nothing makes it fail, and nothing passes unseen: what is not looked at is named.
 *
 * @param body at most a few MiB: time and memory grow with it
 * @param most bytes that a compressed body may grow to, at most 4 MiB: what the route takes of a plain one
 * @returns what could not be looked at
 */
export function walkBody(
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  visit: Visit,
  most = MOST_INFLATED,
): readonly Oddity[] {
  if (body.length === 0) return NOTHING;
  const walk = startWalk(visit, 'body');
  const sent = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const media = mediaOf(headers['content-type'], 'octets');
  const isTyped = headers['content-type'] !== undefined;
  const encoding = headers['content-encoding'];
  if (encoding === undefined) walkContent(walk, sent, media, { multiparts: 0, isTyped });
  else {
    const { bytes, oddities, isUndone } = undoContentEncoding(encoding, sent, most);
    for (const { code, kind } of oddities) addOddity(walk, code, kind);
    walkContent(walk, bytes, media, { multiparts: 0, isTyped });
    if (isUndone) walkAsSent(walk, sent, media);
  }
  return endWalk(walk);
}

/**
 * Many servers know no coding and read the body as it was sent: in the name of a file within gzip, between the literals
 * of another coding, stands a form or a part that they find.
 */
function walkAsSent(walk: Walk, sent: Buffer, media: Media): void {
  const isNoisy = isBinary(sent);
  if (isNoisy) visitRuns(walk, sent);
  else walkContent(walk, sent, { ...media, kind: 'octets' }, { multiparts: 0, isTyped: true });
  if (media.kind === 'form' && isNoisy) for (const run of textRunsOf(sent)) walkForm(walk, pairsBehind(run));
  else if (media.kind === 'form') for (const text of readingsOf(sent, media.charset).texts) walkForm(walk, text);
  if (media.kind !== 'multipart') return;
  walk.parameters = [];
  for (const boundary of media.boundaries) walkDelimited(walk, sent, { ...media, boundary }, 0);
}

/** Of a run of text in noise the pairs that one could have put there: what stands before the first `&` ends in noise. */
const pairsBehind = (run: string): string => run.split('&').slice(1).filter(isPair).join('&');
const PAIR = /^[^=\s]{1,64}=./;
const isPair = (text: string): boolean => PAIR.test(text);

/** How content stands in a body. */
interface Standing {
  /** How many multiparts it stands in. */
  readonly multiparts: number;
  /** It came with a type of its own; some servers take what has none for a form. */
  readonly isTyped: boolean;
  /** The content of a field is text to the server, whatever it is said to be; that of a file may be binary. */
  readonly is?: PartHead['is'];
  readonly fileName?: string | undefined;
}

function walkContent(walk: Walk, bytes: Buffer, media: Media, standing: Standing): void {
  const { multiparts, is, isTyped, fileName } = standing;
  if (media.kind === 'multipart') {
    walkParts(walk, bytes, media, multiparts);
    if (is === 'field') for (const text of readingsOf(bytes, undefined).texts) visitText(walk, text);
    return;
  }
  if (media.kind === 'http' && is !== 'field' && walkMessage(walk, bytes, multiparts)) return;
  const upload = is === 'file' ? uploadOf(fileName, media.kind) : isEnvelope(media, standing) ? 'envelope' : 'data';
  const mayBeBinary = is === 'file' || (media.kind === 'octets' && is !== 'field');
  const isRunsSeen = mayBeBinary && isBinary(bytes);
  if (isRunsSeen) visitRuns(walk, bytes);
  const { texts, unknown } = readingsOf(bytes, media.charset);
  if (unknown !== undefined) addOddity(walk, 'charset', isForeignCharset(unknown) ? undefined : 'unsupported');
  let isSound = false;
  for (const text of texts) {
    const isThis =
      isRunsSeen && isNoise(text)
        ? walkNoise(walk, text, isTyped)
        : isDocument(upload, text)
          ? visitDocument(walk, text, upload)
          : walkText(walk, { bytes, text }, media.kind, multiparts);
    isSound ||= isThis;
  }
  if (!isSound) addOddity(walk, 'malformed'); // it is in no reading what it is said to be
}

/** One reading of a body or part. */
interface Reading {
  readonly bytes: Buffer;
  readonly text: string;
}

/** The runs of text in binary content, each by itself: what one ends and another begins with is chance. */
function visitRuns(walk: Walk, bytes: Buffer): void {
  walk.isBinary = true;
  for (const run of textRunsOf(bytes)) visitText(walk, run);
  walk.isBinary = false;
}

/** Binary content whose runs were seen: it is read as what a server would still take it for. */
function walkNoise(walk: Walk, text: string, isTyped: boolean): true {
  const seen = kindSeen(text);
  if (seen === 'json') walkJson(walk, text);
  else if (seen === 'xml' && !NO_XML.test(text)) walkXml(walk, text);
  else if (seen === 'form' && !isTyped) walkForm(walk, text);
  return true;
}

/** A part with no name that is XML: what the other parts are attached to. @see SOAP Messages with Attachments §3 */
const isEnvelope = ({ kind }: Media, { is, multiparts }: Standing): boolean =>
  kind === 'xml' && is === undefined && multiparts > 0;

/** A file of no known kind that looks like data is read as such: some servers take it for nothing else. */
const isDocument = (upload: Upload, text: string): boolean =>
  upload !== 'data' && !(upload === 'unknown' && kindSeen(text) === 'json');

/** A manual may begin with an element; what declares something at the same time is meant for a parser. */
const DECLARES = /<!(?:doctype|entity)/i;
const isMarkup = (text: string, upload: Upload): boolean =>
  kindSeen(text) === 'xml' && (upload === 'markup' || upload === 'envelope' || DECLARES.test(text));

/**
 * Visits an uploaded text, which a server stores and hands out. As markup it is read by whoever opens it, and under the
 * name of a picture or a program it is no document: then it is judged like binary content.
 */
function visitDocument(walk: Walk, text: string, upload: Upload): true {
  walk.isBinary = upload === 'disguise' || isMarkup(text, upload);
  walk.isDocument = !walk.isBinary;
  visitText(walk, text);
  walk.isBinary = false;
  walk.isDocument = false;
  if (upload === 'envelope') walkXml(walk, text);
  return true;
}

/** Walks a request within a batch, each part of it by itself. @returns whether it is one */
function walkMessage(walk: Walk, bytes: Buffer, multiparts: number): boolean {
  const message = multiparts <= MAX_MULTIPARTS ? messageIn(bytes) : undefined;
  if (message === undefined) return false;
  const base = walk.depth;
  const visitAt = (name: string, visit: () => void): void => {
    walk.steps[base] = name;
    walk.depth = base + 1;
    visit();
    walk.depth = base;
  };
  visitAt('url', () => {
    for (const segment of message.path.split('/', 100)) visitDecoded(walk, segment, false);
    visitDecoded(walk, message.path, false);
    walkPairs(walk, message.query);
  });
  for (const [name, value] of message.headers)
    visitAt(name, () => {
      visitName(walk, name);
      visitText(walk, value);
    });
  const media = mediaOf(message.type, 'text');
  visitAt('content', () => walkContent(walk, message.content, media, { multiparts: multiparts + 1, isTyped: true }));
  return true;
}

function walkParts(walk: Walk, bytes: Buffer, media: Media, multiparts: number): void {
  const { boundaries } = media;
  if (multiparts === 0) walk.parameters = [];
  if (multiparts >= MAX_MULTIPARTS) addOddity(walk, 'too-deep');
  else if (boundaries.length === 1 && walkDelimited(walk, bytes, { ...media, boundary: boundaries[0] }, multiparts))
    return;
  else addOddity(walk, 'malformed');
  for (const text of readingsOf(bytes, undefined).texts) visitText(walk, text);
  const seen = boundarySeen(bytes.toString('latin1', 0, 512));
  if (multiparts === 0 && seen !== undefined && !(boundaries.length === 1 && seen === boundaries[0])) {
    walkDelimited(walk, bytes, { boundary: seen }, multiparts);
  }
}

type Delimited = Pick<Media, 'isNameless'> & { readonly boundary?: string | undefined };

function walkDelimited(
  walk: Walk,
  bytes: Buffer,
  { boundary = '', isNameless = false }: Delimited,
  multiparts: number,
) {
  if (boundary === '') return false;
  return walkMultipart(walk, bytes, { boundary, isNameless }, (inner, content, { type, is, fileName }) =>
    walkContent(inner, content, mediaOf(type, is === 'file' ? 'octets' : 'text'), {
      multiparts: multiparts + 1,
      isTyped: true,
      is,
      fileName,
    }),
  );
}

/** @returns whether it is what it is said to be */
function walkText(walk: Walk, { bytes, text }: Reading, kind: Kind, multiparts: number): boolean {
  if (kind === 'json' && walkJson(walk, text)) return true;
  if (kind === 'json-lines') return walkLines(walk, text);
  const seen = kindSeen(text);
  if (kind === 'form') walkForm(walk, text);
  if (kind === 'form' && (seen === 'form' || seen === 'text')) return true;
  visitText(walk, text);
  if (seen === 'json' && kind !== 'json') walkJson(walk, text);
  if (seen === 'xml' || kind === 'xml') walkXml(walk, text);
  if (seen === 'form' && /[&%+]/.test(text)) walkForm(walk, text);
  if (seen === 'multipart' && multiparts === 0)
    walkDelimited(walk, bytes, { boundary: boundarySeen(text) }, multiparts);
  return kind !== 'json';
}

/** As one of the readings of a body, so what it names is not a part of another reading. */
function walkForm(walk: Walk, text: string): void {
  const { parameters } = walk;
  if (walk.depth === 0) {
    walk.parameters = [];
    walk.counted = undefined;
  }
  walkPairs(walk, text);
  walk.parameters = parameters;
}

/** One JSON text a line; a line that is none is visited raw. @returns whether each is one */
function walkLines(walk: Walk, text: string): boolean {
  const base = walk.depth;
  let line = 0;
  let isSound = true;
  for (let from = 0; from < text.length; line++) {
    const found = text.indexOf('\n', from);
    const end = found === -1 ? text.length : found;
    const start = text.charCodeAt(from) === RECORD_SEPARATOR ? from + 1 : from;
    walk.steps[base] = line;
    walk.depth = base + 1;
    if (end > start && !walkLine(walk, text.slice(start, end))) isSound = false;
    from = end + 1;
  }
  walk.depth = base;
  return isSound;
}

function walkLine(walk: Walk, line: string): boolean {
  if (BLANK.test(line) || walkJson(walk, line)) return true;
  visitValue(walk, line);
  return false;
}
