import { mediaType } from './body.ts';
import type { Context } from './context.ts';
import { csrfHeaderOf, saysCsrf } from './csrf-header.ts';
import { httpFault } from './errors.ts';
import type { HeldForm } from './route.ts';

const FIELD = 'csrf_token';
const MULTIPART = 'multipart/form-data';
const FORMS: ReadonlySet<string> = new Set(['application/x-www-form-urlencoded', MULTIPART]);
const BOUNDARY = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s";]{1,70}))/i;
const NOT_FOUND = `the field ${FIELD} is not in the part of the form that is held: put it first, or send X-CSRF-Token`;

/**
 * What a page says to show that it is one of ours: in a header, or, where no header says anything, in a field of its
 * form, as Flask-WTF takes it from pages without scripts. Of two fields neither counts.
 *
 * @param form the body as far as it is held; asked for only where it counts
 * @throws HTTP_BODY_TOO_LARGE, HTTP_BODIES_BUSY where the field may stand behind that
 */
export async function csrfValueOf(
  context: Pick<Context, 'headers'>,
  form: (() => Promise<HeldForm | undefined>) | undefined,
): Promise<string | undefined> {
  const { headers } = context;
  const type = headers['content-type'];
  const isForm = FORMS.has(mediaType(type)) && headers['content-encoding'] === undefined;
  if (!isForm || saysCsrf(context)) return csrfHeaderOf(context);
  const held = await form?.();
  if (held === undefined || type === undefined) return undefined;
  const values = await valuesIn(held.isWhole ? held.bytes : completeOf(held.bytes, type), type);
  if (values.length === 0 && !held.isWhole) throw notFound(held);
  const [value, ...others] = values;
  return typeof value === 'string' && others.length === 0 ? value : undefined;
}

async function valuesIn(form: Uint8Array<ArrayBuffer>, type: string): Promise<readonly unknown[]> {
  try {
    const read = await new Response(form, { headers: { 'content-type': type } }).formData();
    return read.getAll(FIELD);
  } catch {
    return []; // a form that cannot be read says nothing, so the request is refused
  }
}

/** The fields that are whole in the beginning of a form, as a form of their own: half a value is none. */
function completeOf(bytes: Uint8Array<ArrayBuffer>, type: string): Uint8Array<ArrayBuffer> {
  const begun = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (mediaType(type) !== MULTIPART) return bytes.subarray(0, Math.max(0, begun.lastIndexOf('&')));
  const [, quoted, plain = quoted] = BOUNDARY.exec(type) ?? [];
  const edge = `\r\n--${plain}`;
  const end = begun.lastIndexOf(edge);
  return plain === undefined || end === -1
    ? new Uint8Array()
    : new Uint8Array(Buffer.concat([begun.subarray(0, end), Buffer.from(`${edge}--\r\n`)]));
}

/** A page of ours that sends a long form must learn how it is taken; who made the value up learns nothing. */
const notFound = ({ bytes, maxBytes }: HeldForm) =>
  bytes.length < maxBytes
    ? httpFault('HTTP_BODIES_BUSY', { detail: NOT_FOUND })
    : httpFault('HTTP_BODY_TOO_LARGE', { max_bytes: maxBytes, detail: NOT_FOUND });
