/** What the client uses of a browser; Node has some of it, and what is missing is done without. */
export interface Environment {
  readonly navigator?: {
    readonly locks?: { request<T>(name: string, work: () => Promise<T>): Promise<T> };
    readonly credentials?: {
      create(wish: { readonly publicKey: object; readonly signal?: AbortSignal }): Promise<unknown>;
      get(wish: { readonly publicKey: object; readonly signal?: AbortSignal }): Promise<unknown>;
    };
  };
  readonly localStorage?: KeyValue;
  readonly location?: { readonly pathname: string; assign(url: string): void };
  readonly document?: { readonly cookie: string };
  readonly BroadcastChannel?: new (name: string) => Channel;
}

/** As `localStorage` has it. */
export interface KeyValue {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface Channel {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
  unref?(): unknown;
}

/** The page, worker or process that we run in; each member is what its name says in every one of them. */
export const here: Environment = globalThis as unknown as Environment;

/** @returns undefined where there is none, or where the browser's settings forbid it */
export function storageHere(): KeyValue | undefined {
  try {
    return here.localStorage;
  } catch {
    return undefined; // a SecurityError: third-party storage is blocked
  }
}

/** Milliseconds since 1970, the same in all tabs. */
export const wallClock = (): number => performance.timeOrigin + performance.now();

/** Waits, or rejects with the reason of the signal. */
export function pause(ms: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Waits for shared work that goes on whatever becomes of the one who waits. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (signal == null) return work;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
