import { existsSync, readFileSync } from 'node:fs';

/** The version of this package. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const beside = ['../package.json', '../../package.json']; // of a built package, of the sources
  const url = beside.map((path) => new URL(path, import.meta.url)).find((found) => existsSync(found));
  if (url === undefined) throw new TypeError('package.json is not where it belongs');
  const text = readFileSync(url, 'utf8');
  return String(Object(JSON.parse(text)).version);
}
