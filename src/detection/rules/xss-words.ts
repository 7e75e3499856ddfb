/** Event handlers of HTML, SVG and the browsers of the past. */
export const HANDLER =
  'on(?:abort|activate|after\\w+|animation\\w+|aria\\w+|auxclick|before\\w+|begin|blur|bounce|cached|cancel|canplay\\w*|cell\\w{5}|change|click|close|command|contentvis\\w+|' +
  'contextmenu|control\\w{6}|copy|cuechange|cut|data\\w{4,12}|dblclick|deactivate|device\\w+|download\\w*|drag\\w*|drop|duration\\w+|emptied|end|ended|error\\w*|filterchange|' +
  'finish|focus\\w*|formdata|fullscreen\\w+|gesture\\w+|got\\w{14}|hashchange|help|input|invalid|key\\w+|language\\w+|layout\\w+|load\\w*|losecapture|lost\\w{14}|media\\w+|message\\w*|' +
  'mouse\\w+|move\\w*|mozfull\\w+|offline|online|orientation\\w+|outofsync|page\\w{4}|paste|pause|play\\w*|pointer\\w+|popstate|progress|property\\w+|qt_\\w+|ratechange|ready\\w+|repeat|reset|resize\\w*|' +
  'resume|reverse|row\\w{4,8}|scroll\\w*|search|securitypol\\w+|seek\\w+|select\\w*|show|slotchange|stalled|start|stop|storage|submit|suspend|syncrestored|time\\w+|toggle|touch\\w+|track\\w+|transition\\w+|unhandled\\w+|unload|url\\w{4}|volumechange|waiting|webkit\\w+|wheel|zoom)';

/** The calls by which every demonstration shows that it runs, with something to show. "Alert (high)" is none. */
export const POPUP = String.raw`\b(?:alert|prompt|confirm|print)(?:\s*\?\.\s*)?(?:\(\s*[^\s)]|\s+\(\s*(?:["'\x60/]|\d+\s*\)|document|window|xss)|\s*\x60)`;

/** Calls that scripts are run, fetched or shown by. */
export const CALL = String.raw`\b(?:(?:alert|prompt|confirm|eval|atob|settimeout|setinterval|setimmediate|execscript)(?:\s|/\*[^*]*\*/|\?\.)*|(?:fetch|import|function|open|write|print))[(\x60]`;
