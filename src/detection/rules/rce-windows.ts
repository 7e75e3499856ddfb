import type { Rule } from '../judge/types.ts';

/** What follows a condition of a batch file. */
const BRANCH = String.raw`(?:\(|\bcmd\b|@?echo\b|\bset\b|\bgoto\b|\bcall\b|\bexit\b|\bstart\b|\bdel\b|\bc?md\b|\brd\b|\bcopy\b|\bcd\b|\bif\b|\bfor\b|\.\.\.)`;
const IF = String.raw`(?:^|[&|;(\n])\s*if\s*(?:/i\s+)?(?:not\s+)?`;

/** Command execution on Windows: cmd, PowerShell and the tools that come with it (LOLBAS). */
export const windowsRules: readonly Rule[] = [
  {
    id: 'rce-windows-tool',
    class: 'rce',
    title: 'a tool of Windows that changes or tells of the machine',
    view: 'shell',
    match: {
      regex: String.raw`\breg\s+(?:add|delete|query|save)\s|\bnetsh\s+(?:firewall|advfirewall|interface|int)\s|\bnet1?\s+(?:user|localgroup|group|share|view|accounts)(?:\s+[/\\"*\w]|\s*(?:$|[&|;]))|(?:^|[&|;\n(])\s*net1?\s+(?:start|stop)(?:\s+["*\w]|\s*(?:$|[&|;]))|\bnet1?\s+use(?:\s+(?:[/\\"*]|[a-z]:)|\s*[&|;])|[&|;\n]\s*net1?\s+use\s*$|\bwmic\s+\w|%systemroot%|%windir%|%comspec%|\bschtasks\s+/|\bvssadmin\s+\w|\bregedit\s+/|\bbcdboot\s`,
    },
    weight: 5,
    inIsland: 3,
    inText: 1,
  },
  {
    id: 'rce-registry',
    class: 'rce',
    title: 'a change of the registry of Windows',
    view: 'shell',
    match: { regex: String.raw`\breg\s+(?:add|delete|query|save|import|export)\s+["']?(?:hk(?:lm|cu|cr|u)|hkey_)` },
    weight: 2,
    inText: 4,
  },
  {
    id: 'rce-windows-loader',
    class: 'rce',
    title: 'a program of Windows that loads or runs what its argument names',
    view: 'shell',
    match: {
      regex: String.raw`\bcmd(?:\.exe)?\s+/[ckqvd]\b|\b(?:powershell|pwsh)(?:\.exe)?\s+(?:-\w|["'&{(])|\bcertutil(?:\.exe)?\s+-\w*(?:urlcache|decode|encode|verifyctl|ping)|\bbitsadmin(?:\.exe)?\s+/\w|\bmshta(?:\.exe)?\s+(?:https?:|vbscript:|javascript:|\\\\|[a-z]:)|\brundll32(?:\.exe)?\s+\S+,|\bregsvr32(?:\.exe)?\s+/\w|\bmsiexec(?:\.exe)?\s+/\w[^|&]*https?:|\b(?:cscript|wscript)(?:\.exe)?\s+(?:/|//|\S+\.(?:js|vbs|wsf))|\bforfiles(?:\.exe)?\s+/|\bcmstp(?:\.exe)?\s+/|\b(?:installutil|regasm|regsvcs)(?:\.exe)?\s+[/\S]*\.dll|\bpcalua(?:\.exe)?\s+-a|\bcertreq\s+-post|\besentutl(?:\.exe)?\s+/[yp]|\bodbcconf(?:\.exe)?\s+/`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
  {
    id: 'rce-powershell',
    class: 'rce',
    title: 'a cmdlet or method of PowerShell that fetches or runs',
    view: 'shell',
    match: {
      regex: String.raw`\binvoke-(?:webrequest|expression|restmethod|command|item|wmimethod|cimmethod|mimikatz|shellcode)\b|\b(?:iex|iwr|irm|iwmi|icm|gwmi|saps|sajb)\s*(?:[($"'\-]|https?:)|\bnew-object\s+(?:-\w{1,12}\s+)?(?:system\.)?(?:net\.|io\.|diagnostics\.)?\w{3,}|\bdownload(?:string|file|data)\s?\(|\bstart-(?:process|bitstransfer|job)\s|\bset-executionpolicy\s|\bget-(?:process|content|childitem|wmiobject|ciminstance|aduser|localuser|credential|itemproperty)(?:\s+[-/"'$a-z.]|\s*[|)]|$)|\badd-type\s+-|\s-e(?:nc|ncodedcommand|c)?\s+[a-z0-9+/]{16}|\[(?:system\.)?(?:reflection\.assembly|convert|net\.webclient|diagnostics\.process|runtime\.interopservices\.marshal)\]::`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
  {
    id: 'rce-batch-loop',
    class: 'rce',
    title: 'a loop of a batch file',
    view: 'decoded',
    match: { regex: String.raw`\bfor\s[^()\n]*%[^()\n]*\sin\s*\([^()\n]*(?:\([^()\n]*\)[^()\n]*)?\)\s*do\b` },
    weight: 5,
    inText: 5,
  },
  {
    id: 'rce-batch-condition',
    class: 'rce',
    title: 'a condition of a batch file',
    view: 'decoded',
    match: {
      regex:
        String.raw`${IF}(?:(?:exist|defined)\s+(?:"[^"\n]*"|\S+)|errorlevel\s+\d+)\s*${BRANCH}` +
        String.raw`|${IF}["([]{0,2}\S?%[^\n]*(?:==|\s(?:equ|neq|lss|leq|gtr|geq)\s)` +
        String.raw`|${IF}\S+(?:\s[^\s=]+)?\s*(?:===?|\s(?:equ|neq|lss|leq|gtr|geq)\s)\s*\S[^\n]*(?:\scmd\b|@?\becho\s|\bgoto\s|\bcd\s)` +
        String.raw`|(?:^|[&|;(\n])\s*if\s*/i\s+(?:not\s+)?\S+\s*(?:==|\S+\s)`,
    },
    weight: 5,
    inIsland: 3,
    inText: 3,
  },
  {
    id: 'rce-batch-comparison',
    class: 'rce',
    title: 'a variable of a batch file that is compared',
    view: 'decoded',
    match: {
      regex: String.raw`(?:^|[&|;(\n])\s*if\s*(?:/i\s+)?(?:not\s+)?["([]{0,2}%[^\n%]{1,30}%?["\])]{0,2}\s*(?:==|(?:equ|neq|lss|leq|gtr|geq)\s)`,
    },
    weight: 2,
    inText: 3,
  },
];
