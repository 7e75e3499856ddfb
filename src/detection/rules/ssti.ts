import type { Rule } from '../judge/types.ts';

/** Where an expression begins, in the template languages that there are. */
const OPEN_BUT_EQUALS = String.raw`(?:\{\{-?|\$\{|#\{|<%[=@!-]?|\*\{|@\{|~\{|\[\[\s*\$|\$!\{|\{@|\{%-?|@\(|\{\$|%\{)`;
const OPEN = String.raw`(?:${OPEN_BUT_EQUALS}|\{=)`;

/** Template injection: CWE-1336, CAPEC-242. Paths and filters of plain names alone are what honest templates have. */
export const sstiRules: readonly Rule[] = [
  {
    id: 'ssti-expression',
    class: 'ssti',
    title: 'a delimiter of templates around an expression that does something',
    view: 'decoded',
    match: {
      regex: String.raw`${OPEN_BUT_EQUALS}[^}%]*?(?:[\w\])'"}][([]|['"]\s*(?:[*+~%]|\.\w)|[\w)'"]\s*\*\*?\s*[\w('"]|\d\s*[*+/%-]\s*\d|__|\|\s*(?:attr|map|select|reject|join|sort|filter|passthru|system|exec|eval|format|e\b|raw|safe|raw_e)\b|<<|>>|\?\w|!\[|(?:\[\s*\]|\(\s*\))\s*\.\s*\w|\bnew\s|\w\s*=\s*["'\d(]|::|#\w+\.|@\w+[.@]|\binclude\b|\bimport\b|\$_|=\s*_\.|['"]\w*['"]\s*\}\s*\||\.constructor\b|\w\s*\(\s*\w*\s*\))`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'ssti-expression-behind-equals',
    class: 'ssti',
    title:
      'an expression behind a brace and an equals sign that is no formula of a table, whose functions are capitals',
    view: 'decoded',
    match: {
      regex: String.raw`\{=\s*[^\sA-Z}][^}%]*?(?:[\w\])'"}][([]|['"]\s*(?:[*+~%]|\.\w)|[\w)'"]\s*\*\*?\s*[\w('"]|\d\s*[*+/%-]\s*\d|__|::|\$_)`,
      caseSensitive: true,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'ssti-path',
    class: 'ssti',
    title: 'a path of names in a template',
    view: 'decoded',
    match: { regex: String.raw`${OPEN}=?\s*[a-z_$]\w*(?:\.\w+|\s*\|\s*\w+|\s*[<>=]=?\s*\w+|\?\.?\w+)` },
    weight: 2,
    inIsland: 0,
  },
  {
    id: 'ssti-secret-path',
    class: 'ssti',
    title: 'a path to what a template should not show',
    view: 'decoded',
    match: {
      regex: String.raw`${OPEN}\s*(?:[\w.]*\b(?:settings|config|secret\w*|env\w*|request|session\w*|self|_self|app|application|server\w*|system\w*|process|global\w*|class|constructor|context|root|runtime|password\w*|database|_context|dump|param\w*|scope|this|forms|_keys|_locals|options|page|pagecontext|product|smarty|latte|twig|handler|templates?|loader|credentials|object|script)\b[\w.]*)\s*[.|}%?)]`,
    },
    weight: 3,
    inIsland: 3,
  },
  {
    id: 'ssti-secret-name',
    class: 'ssti',
    title: 'a secret by its name, or the inside of an object, in a template',
    view: 'decoded',
    match: {
      regex: String.raw`${OPEN}[#&^/]?\s*(?:[\w.\[\]'"-]*(?:\b|[._])(?:secret(?:s|_?key)?|passw(?:or)?d|passphrase|private_?key|credentials?|signer|access_?key)\b[\w.\[\]'"-]*\s*(?:[|}?)]|%>)|[^}%]*\b(?:constructor|prototype)\b)`,
    },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'ssti-lookup',
    class: 'ssti',
    title: 'a placeholder that asks a resolver: for a script, a file or a name',
    view: 'decoded',
    match: {
      regex: String.raw`\$\{\s*(?:dns|script|file|const|xml|properties|resourcebundle|base64(?:de|en)coder|url(?:de|en)coder|localhost|java)\s*:[^}]+\}|\$\{\s*url\s*:\s*utf-?8:`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'ssti-arithmetic',
    class: 'ssti',
    title: 'a sum in a template, the first thing that is tried',
    view: 'decoded',
    match: {
      regex: String.raw`(?:\{\{|\$\{|#\{|<%=?|\*\{|@\{|\[\[|\{=|\{@|\{#|\{!{1,2}|%\{|@\()\s*\(?['"]?\d+['"]?\s*(?:\*\*?|[+/-])\s*['"]?\d+['"]?\s*!{0,2}(?:\)|\}|%>|\]\]|$)|\{\{-?\s*\(?['"]?\d+['"]?\s*(?:[=!]=|[<>])\s*['"]?\d|\[\(\s*(?:\$\{)?\s*\d+\s*\*\s*\d+\s*\}?\s*\)\]|(?:\{\{|\$\{|#\{|<%=?|\*\{|@\{|\[\[|\{=|\{@|\{)\s*\(?['"]?\d+['"]?\s*\*\*?\s*['"]?\d+`,
    },
    weight: 5,
    inText: 5,
  },
  {
    id: 'ssti-statement',
    class: 'ssti',
    title: 'a statement of a template language',
    view: 'decoded',
    match: {
      regex: String.raw`#(?:set|foreach|if|include|parse|evaluate|define|macro)\s?\(\s?["'$\w]|\{%-?\s?(?:set|import|include|extends|macro|call|filter|debug|raw|load|with|autoescape|sandbox|do|from|apply|embed|use)\b|<#-?(?:assign|list|include|import|function|macro|setting|global|local)\b|\[#(?:assign|list|include|import|if)|\{(?:php|literal|include|assign|math|fetch|eval)\s?[\s$(}][^};]*\}?|\{(?:if|foreach|section)\s[^};]*[()$][^};]*\}|@(?:php|include|inject|eval|system|if|import|functions)\b\s?[({]|<%\s?(?:import|include|require|system|eval|print|puts|def|java|response|request|out|dir|exec)\b|\{\{\s?[#>&^/](?:with|each|if|unless|lookup|this|in)\b|\{\{=\s*[<\[(]|(?:\{\{?|<%)=\s*_\.|\{\$?\w+::\$?\w+|\{\{-?\s*(?:printf|html|js|urlquery|define|template|index|call|block)\s+["'.$]|\{\{-?\s*\.[A-Z]\w*(?:\.\w+)*\s+["'.$]|\[\[\s*\$\{\s*#|<\?=`,
    },
    weight: 5,
    inText: 0,
  },
  {
    id: 'ssti-plain-statement',
    class: 'ssti',
    title: 'a condition, loop or block of a template language',
    view: 'decoded',
    match: { regex: String.raw`\{%-?\s?(?:for|if|block|end\w+|else|elif|macro)\b|<#(?:if|else)\b` },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'ssti-known-object',
    class: 'ssti',
    title: 'an object through which templates are left',
    view: 'decoded',
    match: {
      regex: String.raw`__(?:mro|bases|subclasses|globals|builtins|import|getattribute|self|proto)__|__(?:class|base|init|dict|getitem|doc|code|call|reduce\w*)__\s*['"\])]*\s*[.\[('"|]|\b(?:lipsum|cycler|joiner|namespace|self\._|request\.(?:application|args|cookies|environ|form)|config\.(?:items|from_\w+|__)|url_for|get_flashed_messages)\b[.\[]|\bt\s?\(\s?(?:java|org|javax)\.|freemarker\.template\.utility|\bgetclass\s?\(|\bforname\s?\(|\bnewinstance\s?\(|\bgetmethod\s?\(|\bmainmodule\b|\bprocess\.(?:mainmodule|binding)|\bconstructor\s?[.(\[]|\bregisterundefinedfiltercallback\b|\bgetfilter\s?\(|\b_self\.env\b|\bapplication\.__|\bjinja2?\.|\bscriptenginemanager\b|\bgetenginebyname\b|\bioutils\b|\bpopen\s?\(|\bfile\.open\s?\(|\bkernel\.(?:exec|system|spawn|open|fork)|\bopen3\b|\bsmarty\.(?:version|template|const|get)|\bcontextobjectclass\b|\b\w+\.class\.(?:forname|get|protection|module)|\bthis\.(?:__proto__|constructor)|\bstring\.sub\.apply\b|\bclassloader\b`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'ssti-known-name',
    class: 'ssti',
    title: 'a name of the inside of an interpreter',
    view: 'decoded',
    match: {
      regex: String.raw`__(?:class|base|init|dict|getitem|doc|code|call|dir|reduce\w*|qualname|func)__|[.\[(|'"\s]__(?:name|file)__|(?:^|[=:"'>,;({\[@!$+&?|])\s*(?:\w+\.)*(?:getruntime|processbuilder)\b|\bsandbox\w*\b\.`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'ssti-bare-placeholder',
    class: 'ssti',
    title: 'an empty or broken template, sent to see what happens',
    view: 'decoded',
    match: {
      regex: String.raw`\$\{\{?<%\[%|\{\{\s*\}\}|<%=?\s*%>|\$\{\s*\.+\s*\}|^\s*(?:\{\{\s*(?:this|self|_self|config|request|session|settings(?:\.\w+)?|app|dump|_context|g|cycler|joiner|lipsum|\.)\s*\}\}|\{\{app\.request\b|\{\{\s?debug\s?\}\}|\{%\s?debug\s?%\})|\$\s+\{\s*['"a-z_$]|\{\{\s*['"]`,
    },
    weight: 5,
    inIsland: 3,
  },
];
