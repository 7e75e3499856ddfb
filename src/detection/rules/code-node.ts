import type { Rule } from '../judge/types.ts';

/** JavaScript on servers, Python, Ruby and Perl: CWE-94, CWE-95, CWE-1321. */
export const nodeRules: readonly Rule[] = [
  {
    id: 'code-node-module',
    class: 'code',
    title: 'code of Node that fetches a module or reaches the process',
    view: 'decoded',
    match: {
      regex: String.raw`\brequire\s*(?:\(|\[|\.\s*(?:main|cache|resolve)\b)\s*(?:['"\x60]|req\b|\w+\.)|\brequire\s*\.\s*(?:main|cache)\b|\bchild_process\b|\bprocess\s*(?:\.\s*(?:mainmodule|binding|env|kill|exit|dlopen|chdir|argv|stdout|nexttick|abort|getbuiltinmodule)\b|\[)|\bmodule\.exports\s*=|\bmodule\.(?:_load|constructor|children)|\bglobal(?:this)?\.(?:process|constructor|require)\b|\b(?:spawn|exec|execfile|fork)(?:sync)\s*\(|_load\s*\(\s*['"]|\bimport\s*\(\s*['"](?:node:)?(?:fs|child|os|net|http)`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'code-node-serialised',
    class: 'code',
    title: 'a function that a deserialiser of Node would call',
    view: 'decoded',
    match: {
      regex: String.raw`_?\$\$nd_func\$\$_|__js_function|\$\w+:(?:constructor|__proto__|prototype|module)\b|\b_formdata\b.*\b_(?:prefix|chunks)\b|"\$1:__proto__|\bresolved_model\b`,
    },
    weight: 5,
    inText: 3,
  },
  {
    id: 'code-prototype',
    class: 'code',
    title: 'the prototype that all objects share',
    view: 'decoded',
    match: {
      regex: String.raw`__proto__|\bconstructor\s*(?:\.|\]?\s*\[)\s*['"]?(?:prototype|constructor)|\[\s*['"]?(?:constructor|prototype)['"]?\s*\]|\bprototype\s*\[|['"]?constructor['"]?\s*:\s*\{\s*['"]?prototype\b|\bobject\.prototype\b|__define[gs]etter__|__lookup[gs]etter__`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'code-endless-loop',
    class: 'code',
    title: 'a loop that does not end, or something that stands still',
    view: 'js',
    match: {
      regex: String.raw`(?:\S\s*|\n)\bwhile\s*\(\s*(?:true|1)|\bwhile\s*\(\s*(?:(?:true|1)\s*\)\s*[\w{]|!\s*(?:!|0|false|["'\x60(\[{])|\+?\s*infinity|new\s|[\[{"'\x60(+~-])|\bfor\s*\(\s*;;\s*\)`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'code-console',
    class: 'code',
    title: 'a call of the console, as a try whether code runs',
    view: 'js',
    match: {
      regex: String.raw`(?:^|[;"'})\]])\s*console\s*(?:\.\s*(?:log|info|warn|error|debug|table|trace|dir)|\[\s*['"\x60]\w+['"\x60]\s*\])\s*\(\s*[\w'"./*+-]*\s*\)`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'code-python',
    class: 'code',
    title: 'code of Python that runs something',
    view: 'decoded',
    match: {
      regex: String.raw`__import__\s*\(|\bos\s*\.\s*(?:system|popen|exec\w*|spawn\w*|remove|unlink|environ|listdir)\s*[(\[]|\bsubprocess\s*\.\s*(?:popen|call|run|check_\w+|getoutput|getstatusoutput)\s*\(|\b(?:eval|exec)\s*\(\s*(?:compile|open|__|input|globals|b64decode|base64)|\bcompile\s*\(\s*['"][^)]*['"](?:exec|eval)['"]|\b(?:pickle|yaml|marshal|shelve)\.(?:loads?|unsafe_load)\s*\(|\bpty\.spawn\s*\(|\bimportlib\.import_module|\bgetattr\s*\(\s*\w+\s*,\s*['"]_`,
    },
    weight: 5,
    inIsland: 1,
  },
  {
    id: 'code-ruby-perl',
    class: 'code',
    title: 'code of Ruby or Perl that runs something',
    view: 'decoded',
    match: {
      regex: String.raw`@\{\s*\[\s*(?:system|qx|exec|eval|open|\x60)|%x\s*[\[({|!/]\s*\w|\b(?:kernel|io|process|open3)\s*\.\s*(?:exec|system|spawn|popen\w*|capture\w*|fork)\b|\bqx\s*[{(/|!]|\b(?:instance|class|module)_eval\b|\b(?:__send__|public_send|const_get)\s*[( ]\s*[:'"]|\bfile\.(?:read|open|write)\s*\(\s*['"]|\berb\.new\b|\bmarshal\.load\b|\bdir\.(?:entries|glob)\s*\(|\buse\s+(?:socket|io)\s*;|\bio::socket\b`,
    },
    weight: 5,
    inIsland: 3,
  },
];
