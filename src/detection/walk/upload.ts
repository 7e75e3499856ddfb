import type { Kind } from './media.ts';

/**
 * What an uploaded file is, by its name: data that a program reads, a document that people read, text under the name of
 * what is none (a picture) or of what a server runs, or nothing that is known. `envelope`: a document whose texts are data.
 */
export type Upload = 'data' | 'document' | 'markup' | 'disguise' | 'unknown' | 'envelope';

/** What browsers call a file that a script made, so that it is a value as any other. */
const NAMELESS = /^(?:blob)?$/i;
/** Of servers, wherever it stands: some run `x.php.jpg`. Also settings that say what is run. */
const PROGRAM =
  /\.(?:ph(?:p\d*|tml?|ar|ps|pt)|[aj]spx?|jspf|jsw|jsv|as[hm]x|cfml?|cer|asa|cgi|fcgi|shtml?)(?:[.;%\0\s/]|$)|^\.(?:ht\w+|user\.ini)|^web\.config$|\.config$/i;
const NO_TEXT =
  /\.(?:png|jpe?g|jfif|gif|webp|avif|hei[cf]|bmp|ico|tiff?|psd|mp[34]|m4[av]|mov|avi|mkv|webm|ogg|wav|flac|zip|gz|tgz|bz2|xz|7z|rar|tar|jar|war|exe|dll|bin|docx?|xlsx?|pptx?|od[tsp]|woff2?|ttf|otf)$/i;
const MARKUP = /\.(?:svg|x?html?|mht|xml|xslt?|xsd|dtd|plist|gpx|kml|dae|ent|mod|rss|atom|wsdl|wadl)$/i;
const DOCUMENT =
  /\.(?:md|markdown|mdx|rst|adoc|txt|text|log|csv|tsv|psv|tex|bib|rtf|pdf|ps|eps|eml|ics|vcf|ya?ml|toml|ini|cfg|conf|properties|env|css|s[ac]ss|less|[cm]?jsx?|[cm]?tsx?|vue|svelte|py|ipynb|rb|pl|lua|go|rs|java|kt|swift|scala|cs|fs|vb|c|h|cc|cpp|hpp|ino|m|r|jl|f90|sql|sh|bash|zsh|ps1|bat|cmd|diff|patch|st|scl|awl|iecst|exp|xef|l5x|il|gcode|nc|dxf|ifc|stp|step|stl|obj|ply|idf|epw|modelica|mo|proto|graphql|tf|gradle|cmake|mk|lock|pem|crt|cer|srt|vtt|po|strings|tpl|j2|jinja|hbs|mustache|ftl|vm|erb|twig|njk|pug|ejs|liquid)$/i;

/** @param kind as its content type says */
export function uploadOf(fileName: string | undefined, kind: Kind): Upload {
  const name = (fileName ?? '').slice(-255);
  if (NAMELESS.test(name)) return 'data';
  if (PROGRAM.test(name)) return 'disguise';
  if (kind === 'json' || kind === 'json-lines' || kind === 'form') return 'data';
  if (MARKUP.test(name)) return 'markup';
  if (DOCUMENT.test(name)) return 'document';
  return NO_TEXT.test(name) ? 'disguise' : 'unknown';
}
