/** What a refusal says beside its code. @see RFC 9457 */
export type Problem = Readonly<Record<string, unknown>>;

/** A call that was refused, or that could not be made. It holds no token and no header of the request. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  /** 0 where there was no answer. */
  readonly status: number;
  /** As `IDENTITY_CREDENTIALS`; `CLIENT_…` are of this library, `HTTP_<status>` where the answer names none. */
  readonly code: string;
  readonly problem: Problem;

  constructor(status: number, code: string, message: string, problem: Problem = {}, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.code = code;
    this.problem = problem;
  }
}

const MAX_TEXT = 1_000;

/** Reads a refusal in any of the shapes that the profiles have. */
export async function errorOf(response: Response): Promise<ClientError> {
  const problem = await problemOf(response);
  const { status } = response;
  const said = [problem['title'], problem['detail'], problem['message'], problem['msg'], problem['error']];
  const message = said.find((text) => typeof text === 'string')?.slice(0, MAX_TEXT) ?? `the server answered ${status}`;
  return new ClientError(status, codeIn(problem) ?? `HTTP_${status}`, message, problem);
}

/** Leaves the response to be read by others. */
export async function problemOf(response: Response): Promise<Problem> {
  if (!/^application\/([a-z.-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '')) return {};
  try {
    const body: unknown = await response.clone().json();
    return isProblem(body) ? body : {};
  } catch {
    return {}; // cut off, or no JSON after all: the status says enough
  }
}

export function codeIn(problem: Problem): string | undefined {
  const code = problem['code'];
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,63}$/.test(code) ? code : undefined;
}

export const isProblem = (value: unknown): value is Problem =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
