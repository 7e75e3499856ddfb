/** From a request to its texts. */
export { walkBody } from './body.ts';
export { isForeignCharset } from './charset.ts';
export { type HeaderMemory, walkHead } from './head.ts';
export type { Cursor, Oddity, Visit } from './leaf.ts';
