/**
 * What two spellings of one text have in common: width, composition, case and the blanks around and between words don't
 * tell them apart. For blind indexes of names and places.
 */
export const foldedText = (text: string): string =>
  text.normalize('NFKC').toLowerCase().normalize('NFKC').trim().replaceAll(/\s+/gu, ' ');

/**
 * What two spellings of one e-mail address have in common. The part before the @ is folded too: the standard lets a
 * server tell its cases apart, and none that people use does. @see RFC 5321 §2.4
 */
export const foldedEmail = (address: string): string => foldedText(address);
