/** A run of words that no sentence has, inside of running text. */
export interface Island {
  readonly text: string;
}

/** Words that are more often a command than talk, where they stand beside something that is no word. */
const KEYWORD =
  /^(?:union|select|insert|update|delete|drop|alter|create|exec|execute|waitfor|sleep|benchmark|having|order|group|where|from|into|values|and|or|xor|not|null|like|between|limit|case|when|then|cat|ls|id|whoami|wget|curl|ping|nc|bash|sh|cmd|powershell|uname|nslookup|echo|rm|chmod|print|system|eval|script|onerror|onload|alert|prompt|confirm|javascript|entity|doctype|type|dir|net|tail|head|sudo|python|perl|php|ruby)$/i;

/** A word of a sentence, with the signs that go with it. */
const WORD = /^["'“‘(¿¡]?[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’./:&+,-][\p{L}\p{N}]+)*["'”’)]?[.,;:!?…]{0,3}["'”’)]?$/u;
/** What a sentence is made of in several languages, so that a query without any other sign is not taken for one. */
const SMALL_WORDS =
  /^(?:the|an|is|are|was|were|to|of|for|with|that|this|it|in|on|at|by|be|have|has|had|my|your|our|you|we|they|please|thanks|thank|hello|hi|dear|can|could|would|should|will|but|if|there|here|about|der|die|das|und|ist|nicht|ein|eine|für|mit|bitte|danke|le|la|les|et|est|des|une|pour|avec|bonjour|merci|el|los|las|es|para|con|una|por|que|gracias|hola|de|do|da|em|não|uma|obrigado|i|il|di|che|per|non|grazie|het|een|van|op|niet)$/i;

/** A sign behind which something else begins. */
const SEPARATES = /(?:^|['"\s])(?:[;|&]{1,2}|\$\()$/;

/** So many are looked at each by itself; the rest together, for none may pass by standing late. */
const MAX_ALONE = 16;
const TOGETHER = 1_000;
/** Plain words between two signs that may belong to one attack: `' union select password from users --`. */
const BRIDGE = 5;

/** Lines that begin as those of Markdown do: a heading, a step, a fence. Of two of them the text is a document. */
const MARKDOWN = /^(?:#{1,6} \p{L}|\d{1,2}[.)] \S|```\w*$)/gmu;

/** Four blanks: fewer part no five words. */
const FIVE_TOKENS = /\s\S+\s+\S+\s+\S+\s/;

/** Whether a text is talk rather than a value: several words, some of them small ones. */
export function isProse(text: string): boolean {
  if (!FIVE_TOKENS.test(text)) return false;
  if (text.includes('\n') && (text.match(MARKDOWN)?.length ?? 0) > 1) return true;
  const tokens = text.split(/\s+/, 400).filter((token) => token !== '');
  if (tokens.length < 5) return false;
  let words = 0;
  let small = 0;
  for (const token of tokens) {
    if (!WORD.test(token)) continue;
    words++;
    if (SMALL_WORDS.test(token.replace(/[^\p{L}]/gu, ''))) small++;
  }
  return words >= 4 && small >= 2;
}

/**
 * The runs of tokens that are no words, each with the few words between two of them: what an attack between two polite
 * sentences is cut out as.
 */
export function islandsOf(text: string): readonly Island[] {
  const tokens = [...text.matchAll(/\S+/g)].map((match) => ({
    text: match[0],
    start: match.index,
    end: match.index + match[0].length,
  }));
  const odd = tokens.map(({ text: token }) => !WORD.test(token));
  const islands: Island[] = [];
  const seen = new Set<string>();
  let at = 0;
  while (at < tokens.length) {
    if (!odd[at]) {
      at++;
      continue;
    }
    let first = at;
    let last = at;
    while (first > 0 && KEYWORD.test(tokens[first - 1]?.text ?? '')) first--;
    for (let next = at + 1; next < tokens.length && next - last <= BRIDGE; next++) {
      if (odd[next] || (next === last + 1 && KEYWORD.test(tokens[next]?.text ?? ''))) last = next;
    }
    if (SEPARATES.test(tokens[last]?.text ?? '') && last + 1 < tokens.length) last++; // what it separates
    const island = text.slice(tokens[first]?.start, tokens[last]?.end).replace(/\s+/g, ' '); // lines are layout here
    if (!seen.has(island)) islands.push({ text: island });
    seen.add(island);
    at = last + 1;
  }
  return [...islands.slice(0, MAX_ALONE), ...together(islands.slice(MAX_ALONE))];
}

function together(islands: readonly Island[]): readonly Island[] {
  const joined: Island[] = [];
  let text = '';
  for (const island of islands) {
    if (text !== '' && text.length + island.text.length > TOGETHER) {
      joined.push({ text });
      text = '';
    }
    text += text === '' ? island.text : `\n${island.text}`;
  }
  return text === '' ? joined : [...joined, { text }];
}
