/** Floor 9. The listener: a port for everybody, a socket for the owner. */
export { listen } from './listen.ts';
