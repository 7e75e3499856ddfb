/** `[0]`, `[]` and `[*]`; a name in quotes may hold the same and stays. */
const INDEX = /(\["(?:[^"\\]|\\.)*"\])|\[(?:\d*|\*)\]/g;
const LIST_END = /\[(?:\d*|\*)\]$/;
const NUMBER_AS_MEMBER = /\.\d+(?=[.*[]|$)/;

/** A place as exceptions and fields of text name it, however a person or a verdict wrote it: without indexes, in lower case. */
export const fieldName = (place: string): string => place.replace(INDEX, '$1').toLowerCase();

/** The same for what is left unseen, where a list (`body.signature[]`) is not the text of that name. */
export const listedName = (place: string): string =>
  LIST_END.test(place) && !place.startsWith('path') ? `${fieldName(place)}[]` : fieldName(place);

/** Whether a place looks as if an element of a list was meant (`body.items.0.note`): it is a member called `0`. */
export const namesNumber = (field: string): boolean => NUMBER_AS_MEMBER.test(field);
