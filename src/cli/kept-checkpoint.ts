import { readVerifier } from '../audit/index.ts';

/** What an auditor keeps elsewhere: the newest checkpoint, and the key that it is signed by. */
export interface KeptCheckpoint {
  readonly verifier: string | undefined;
  /** A signed note, as the log has it. */
  readonly note: string;
}

/** The text of `audit checkpoint`: the verifier key, an empty line, the note. */
export const keptText = (verifier: string, note: string): string => `${verifier}\n\n${note.trimEnd()}`;

/** Reads that text again, or a note alone. */
export function readKept(text: string): KeptCheckpoint {
  const plain = text.replaceAll('\r\n', '\n');
  const [head = ''] = plain.split('\n', 1);
  const verifier = isVerifier(head) ? head : undefined;
  const note = verifier === undefined ? plain : plain.slice(head.length).trimStart();
  return { verifier, note: `${note.trimEnd()}\n` };
}

function isVerifier(line: string): boolean {
  try {
    readVerifier(line);
    return true;
  } catch {
    return false;
  }
}
