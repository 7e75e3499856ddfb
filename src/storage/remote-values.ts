import type { HotValues } from './hot-state.ts';
import type { Answers, Link } from './remote-link.ts';

/** How the one thread that holds the values of all answers the others. */
export const valueAnswers = (values: HotValues): Answers => ({
  'values.claim': (key, ttlMs) => values.claim(String(key), Number(ttlMs)),
  'values.put': (key, value, ttlMs) => values.put(String(key), String(value), Number(ttlMs)),
  'values.get': (key) => values.get(String(key)),
  'values.forget': (key) => values.forget(String(key)),
});

/** The values of another thread. Whoever asks in vain is told so: a mark that can't be read must not pass for unset. */
export const remoteValues = (link: Link): HotValues => ({
  claim: async (key, ttlMs) => (await link.ask('values.claim', key, ttlMs)) === true,
  put: async (key, value, ttlMs) => void (await link.ask('values.put', key, value, ttlMs)),
  get: async (key) => {
    const value = await link.ask('values.get', key);
    return typeof value === 'string' ? value : undefined;
  },
  forget: async (key) => void (await link.ask('values.forget', key)),
});
