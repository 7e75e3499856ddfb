import { type Channel, here, type KeyValue } from './environment.ts';

/** A pair of tokens as it is stored. */
interface Kept {
  readonly access: string;
  readonly refresh?: string | undefined;
}

/**
 * What this client holds to be let in with. Other tabs may change it at any moment, so it is read anew at each use.
 */
export interface Tokens {
  /** Bearer token; undefined in cookie mode, and where nobody is signed in. */
  access(): string | undefined;
  refresh(): string | undefined;
  /** Changes with each renewal, by whichever tab: whoever was refused with another stamp needs only to ask again. */
  stamp(): string;
  isSignedIn(): boolean;
  keep(access: string | undefined, refresh: string | undefined): void;
  clear(): void;
  /** Hears that another tab signed out. */
  onSignedOutElsewhere(listener: () => void): void;
  close(): void;
}

export interface TokenDeps {
  readonly mode: 'cookie' | 'memory' | KeyValue;
  /** What tabs share: `twinkeep:<server>:<profile>`. */
  readonly name: string;
  /** Where there is one, what tabs see of each other in cookie mode. */
  readonly shared: KeyValue | undefined;
}

/** Where tabs share no storage they hear of each other by messages alone. */
export function createTokens({ mode, name, shared }: TokenDeps): Tokens {
  const store = mode === 'memory' ? memory() : mode === 'cookie' ? (shared ?? memory()) : mode;
  let told = 0; // renewals that other tabs told of, for where they share no storage
  let onElsewhere: () => void = () => undefined;
  const channel = mode === 'memory' ? undefined : channelOf(name);
  if (channel !== undefined) {
    channel.onmessage = ({ data }) => {
      if (data === 'renewed') told++;
      if (data === 'signed-out') onElsewhere();
    };
    channel.unref?.(); // no reason for a process of Node to live on
  }
  const read = (): Kept | undefined => keptIn(store.getItem(name));

  return {
    access: () => (mode === 'cookie' ? undefined : read()?.access),
    refresh: () => read()?.refresh,
    stamp: () => `${read()?.access ?? ''}:${shared === undefined ? told : ''}`,
    isSignedIn: () => read() !== undefined,
    keep: (access, refresh) => {
      // In cookie mode only a count is stored: what scripts can read, a planted script can take.
      const kept: Kept = mode === 'cookie' ? { access: nextOf(read()?.access) } : { access: access ?? '', refresh };
      store.setItem(name, JSON.stringify(kept));
      channel?.postMessage('renewed');
    },
    clear: () => {
      store.removeItem(name);
      channel?.postMessage('signed-out');
    },
    onSignedOutElsewhere: (listener) => {
      onElsewhere = listener;
    },
    close: () => channel?.close(),
  };
}

const nextOf = (count: string | undefined): string => String((Number(count ?? 0) + 1) % 1e9);

function channelOf(name: string): Channel | undefined {
  const { BroadcastChannel } = here;
  return BroadcastChannel === undefined ? undefined : new BroadcastChannel(name);
}

function keptIn(text: string | null): Kept | undefined {
  try {
    const kept: unknown = JSON.parse(text ?? 'null');
    if (typeof kept !== 'object' || kept === null) return undefined;
    const [access, refresh]: readonly unknown[] = [Reflect.get(kept, 'access'), Reflect.get(kept, 'refresh')];
    if (typeof access !== 'string') return undefined;
    return { access, refresh: typeof refresh === 'string' ? refresh : undefined };
  } catch {
    return undefined; // somebody else's text under our name
  }
}

function memory(): KeyValue {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}
