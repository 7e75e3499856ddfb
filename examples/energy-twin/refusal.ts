import { STATUS_CODES } from 'node:http';

/** Thrown where a request cannot go on; the server turns it into an RFC 9457 problem. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.headers = headers;
  }

  get problem() {
    return { title: STATUS_CODES[this.status], status: this.status, detail: this.message };
  }
}
