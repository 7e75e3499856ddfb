import { VERSION } from '../app/index.ts';
import type { Run } from './command.ts';

/** `version`. */
export const showVersion: Run = async (_args, terminal) => {
  terminal.answer(
    { version: VERSION, node: process.versions.node },
    `twinkeep ${VERSION} (Node ${process.versions.node})`,
  );
  return 0;
};
