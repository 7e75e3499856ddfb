const MARKS = [
  "' or 1 ",
  '; cat /etc/ ',
  '{{a.b ',
  '<svg onx= ',
  '../..\\ ',
  '$(id ',
  '$ne ',
  '<?php system( ',
  '${jndi: ',
];

/** A text of which every few characters open another rule and none ends: dearer than any budget allows. */
export const costlyText = (): string =>
  Array.from({ length: 60_000 }, (_, at) => MARKS[(at * at + at) % MARKS.length]).join('');
