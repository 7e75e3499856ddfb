const REFERENCE = /^env_([A-Za-z_][A-Za-z0-9_]{0,127})$(?!\n)/;

/** The variable that a text stands for which is as a whole `env_NAME` (B20). */
export const referenceOf = (text: string): string | undefined => REFERENCE.exec(text)?.[1];

/** What a required secret that is absent or empty stops the start with, in every profile (E19, D15). */
export const notFound = (name: string): string => `Required secret ${name} not found`;
