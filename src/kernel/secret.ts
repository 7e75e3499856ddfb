import { inspect } from 'node:util';

/** A value that never prints: logs, JSON and string templates show `[secret]`. */
export interface Secret<Value = string> {
  reveal(): Value;
}

export function createSecret<Value>(value: Value): Secret<Value> {
  const hidden = () => '[secret]';
  return { reveal: () => value, ...{ toString: hidden, toJSON: hidden, [inspect.custom]: hidden } };
}
