import type { MessagePort } from 'node:worker_threads';
import { TwinkeepError } from '../kernel/errors.ts';
import { storageFault } from './errors.ts';

/** A line between two threads over which each may ask the other. */
export interface Link {
  /**
   * @param args whatever can be cloned
   * @throws what the other side threw, with its code, kind and facts; STORAGE_UNAVAILABLE when it doesn't answer in time
   *   or the line is cut
   */
  ask(name: string, ...args: readonly unknown[]): Promise<unknown>;
  /** Fails whatever waits for an answer. */
  cut(): void;
}

/** What this side does when asked, by name. */
export type Answers = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

export interface LinkOptions {
  readonly port: MessagePort;
  readonly answers: Answers;
  /** After which an answer isn't waited for any longer. */
  readonly patienceMs: number;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/** Fields of an error that survive the way: a class does not. */
interface SentError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly fault: Pick<TwinkeepError, 'code' | 'kind' | 'facts'> | undefined;
}

type Message =
  | { readonly kind: 'ask'; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: SentError };

/** Both threads are ours, so a message is believed to be what its sender made it. */
export function createLink({ port, answers, patienceMs }: LinkOptions): Link {
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  let open = true;

  function settle(id: number, end: (one: Waiting) => void): void {
    const one = waiting.get(id);
    if (one === undefined || !waiting.delete(id)) return; // it came too late
    clearTimeout(one.timer);
    if (waiting.size === 0) port.unref();
    end(one);
  }

  async function answer(id: number, name: string, args: readonly unknown[]): Promise<void> {
    try {
      const work = Object.hasOwn(answers, name) ? answers[name] : undefined;
      if (work === undefined) throw new TypeError(`nothing here is called ${name}`);
      const value = await work(...args);
      port.postMessage({ kind: 'answer', id, value } satisfies Message);
    } catch (error) {
      port.postMessage({ kind: 'failed', id, error: sentOf(error) } satisfies Message);
    }
  }

  port.on('message', (message: Message) => {
    if (message.kind === 'ask') void answer(message.id, message.name, message.args);
    else if (message.kind === 'answer') settle(message.id, ({ resolve }) => resolve(message.value));
    else settle(message.id, ({ reject }) => reject(errorOf(message.error)));
  });
  port.unref(); // a line on which nothing is awaited keeps no thread alive

  return {
    ask: (name, ...args) =>
      new Promise((resolve, reject) => {
        if (!open) return reject(storageFault('STORAGE_UNAVAILABLE'));
        const id = ++asked;
        const late = (): void => settle(id, () => reject(storageFault('STORAGE_UNAVAILABLE', {}, tooLate(name))));
        waiting.set(id, { resolve, reject, timer: setTimeout(late, patienceMs) });
        port.ref();
        port.postMessage({ kind: 'ask', id, name, args } satisfies Message);
      }),
    cut: () => {
      open = false;
      port.close();
      for (const id of [...waiting.keys()]) settle(id, ({ reject }) => reject(storageFault('STORAGE_UNAVAILABLE')));
    },
  };
}

const tooLate = (name: string): Error => new Error(`the other thread did not answer ${name} in time`);

function sentOf(error: unknown): SentError {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined, fault: undefined };
  const { message, stack } = error;
  const fault = error instanceof TwinkeepError ? { code: error.code, kind: error.kind, facts: error.facts } : undefined;
  return { message, stack, fault };
}

function errorOf({ message, stack, fault }: SentError): Error {
  const cause = new Error(message);
  if (stack !== undefined) cause.stack = stack;
  return fault === undefined ? cause : new TwinkeepError(fault.code, fault.kind, message, fault.facts, { cause });
}
