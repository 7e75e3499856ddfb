import type { Rule } from '../judge/types.ts';

/** Injection into SQL by statements of their own, and by what only a database has a name for. */
export const sqliStatementRules: readonly Rule[] = [
  {
    id: 'sqli-schema',
    class: 'sqli',
    title: 'a table or variable of the database itself',
    view: 'sql',
    match: {
      regex: String.raw`\binformation_schema\b|\b(?:mysql|performance_schema)\.(?:user|db|\w+)\b|\bpg_(?:catalog|user|shadow|group|database|tables|class|stat\w*|ls_dir|read_file|sleep|roles|authid|proc|namespace|largeobject)\b|\bsys(?:objects|columns|databases|users|logins|servers|process\w*)\b|\bmaster\.\.?\w|\bmsys(?:objects|aces|queries|relationships|acces\w+)\b|\bsqlite_(?:master|version|schema|temp_master)\b|\b(?:all|user|dba)_(?:tables|tab_columns|users|objects|catalog)\b|\bv\$\w+|@@(?:version|servername|hostname|datadir|basedir|global\.|session\.|\w\w\w+)|\bxp_(?:cmdshell|reg\w+|dirtree|file\w+|fixeddrives|availablemedia|servicecontrol|subdirs|terminate\w+|login\w+|enum\w+|ntsec\w+|makecab|logevent|msver|sprintf|sscanf|grantlogin|revokelogin|exec\w+|perf\w+|delete\w+|create\w+|copy\w+|get\w+|oledb\w+|read\w+|send\w+|find\w+|start\w+|stop\w+|unc\w+|display\w+|show\w+|print\w+|proxied\w+|update\w+|set\w+|peek\w+|param\w+|snmp\w+|cleanup\w+|adduser|web\w+)\b|\bxp_\w+\s?['"(@;]|\bsp_(?:password|oa\w+|makewebtask|add\w+|execute\w*|configure|help\w*|tables|columns|who2?|start_job|delete\w+|drop\w+|grant\w+|detach_db|attach_db|sqlexec|linkedservers|spaceused|rename|sproc_columns|stored_procedures|databases|prepare|procoption|replwritetovarbin|trace\w+|recompile|depends)\b|\bsysibm\.\w|\bsyscat\.\w|\brdb\$\w`,
    },
    weight: 5,
    inIsland: 4,
    inText: 2,
  },
  {
    id: 'sqli-database-name',
    class: 'sqli',
    title: 'nothing but the name of a database that comes with its server',
    view: 'sql',
    match: { regex: String.raw`^\W*(?:tempdb|msdb|pg_toast|mysql\.\w+|master\.dbo)\W*$` },
    weight: 5,
    inIsland: 0,
  },
  {
    id: 'sqli-stacked',
    class: 'sqli',
    title: 'a second statement behind the first',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|['")\d\w])[\s)]*;\s*(?:drop\s\s?(?:table|database|view|user|schema|index|procedure|function|trigger)|delete\s\s?(?:ignore\s|low_priority\s|quick\s)?from|insert\s\s?(?:ignore\s|into\b|low_priority\s|\w+\s?\(|\w+\svalues)|update\s\s?\w+\s\s?set|create\s\s?(?:table|user|database|login|procedure|function|or)|alter\s\s?(?:table|user|database|login|role|system|session|schema|view|function|procedure|index|server)\b|exec(?:ute)?\s?(?:[(@'"\[]|immediate\b|master\b|xp_|sp_|\w+\.|\w+\s?(?:['"@;]|\d|--|$))|declare\s\s?(?:@|\w+\s(?:int|varchar|n?char|text|cursor|record|number|bool))|shutdown\s?(?:[;#]|--|/\*|with\b)|begin\s\s?(?:declare|dbms_|utl_|sys\.|execute|tran|perform|update|insert|delete|select|null|if\b)|if[\s(]+(?:not\s)?\(?(?:exists|user|system_user|\d|@|'|substring|len|ascii|select|db_name|unicode|is_\w)|load\s\s?(?:data|xml|extension)|select[\s(]+(?:[-+~!'"@(\d*]|\w+\s?(?:[,(*;]|--|#|/\*|$)|\w+\sfrom\b|distinct\b|top\s|null\b|case\s|\w+\sinto\b)|set\s\s?(?:@|global\b|session\b|local\b|role\s(?:['"]|\w+\s?(?:[;#]|--|/\*|$))|names\b|password\b|search_path|sql_\w|statement_|identity_)|grant\s\w[\w, ]*\s(?:to|on)\s|revoke\s\w[\w, ]*\s(?:from|on)\s|truncate\s\s?table|use\s\s?(?:(?:master|mysql|msdb|tempdb|postgres|information_schema)\b|\w+\s?(?:[;#]|--|/\*))|call\s\s?[\w.$]+\s?(?:\(|[;#]|--|/\*)|merge\s\s?into|waitfor\b|copy\s\s?[\w.]+\s?(?:\(|from\b|to\b)|copy\s?\(|vacuum\s?(?:[;#]|--|full\b|into\b)|attach\s\s?(?:database\b|['"])|pragma\s|handler\s\s?\w+\s(?:open|read|close)\b|do\s\s?(?:\$|sleep|benchmark|\(|language\b)|kill\s\d|backup\s\s?(?:database|log)\b|while[\s(]+(?:\d|@|exists|not\s|true|\(|!)|return\s?(?:true\b|false\b|\d|[(;@'"]|this\b)|rename\s\s?(?:table|user|column|to)\b|replace\s\s?into|print(?:\s?['@]|\()|prepare\s\s?\w+\s(?:from|as)\b)`,
    },
    weight: 5,
    inIsland: 3,
    inText: 1,
  },
  {
    id: 'sqli-stacked-behind',
    class: 'sqli',
    title: 'a value that ends, and a statement that changes data behind it',
    view: 'sql',
    match: {
      regex: String.raw`['")\d][\s)]*;\s*(?:drop\s\s?(?:table|database|view|user|schema|procedure)\s\w|delete\s\s?(?:ignore\s|low_priority\s|quick\s)?from\s\w|insert\s\s?(?:ignore\s)?into\s\w|update\s\s?\w+\s\s?set\s|create\s\s?(?:table|user|database|login)\s\w|alter\s\s?(?:table|user|database|login)\s|exec(?:ute)?\s?(?:[(@']|master|xp_|sp_|immediate)|declare\s\s?@|(?:shutdown|vacuum)\s?(?:$|[;#]|--|with\b|full\b)|truncate\s\s?(?:table|[\w.]+\s?(?:[;#]|--|$))|merge\s\s?into|grant\s\w+\sto\s|grant\s\w+\son\s|waitfor\s|replace\s\s?into\s|load\s\s?data\s|print(?:\s?['@]|\())|['"]\s?;\s?(?:print|go|shutdown|commit|rollback)\b`,
    },
    weight: 5,
    inIsland: 2,
    inText: 5,
  },
  {
    id: 'sqli-stacked-glued',
    class: 'sqli',
    title: 'a statement at once behind a number or quote and a semicolon, as no sentence is written',
    view: 'sql',
    match: {
      regex: String.raw`['")\d];(?:(?:shutdown|vacuum)(?:[\s;]|$)|truncate\s\w|pragma\s\w|handler\s\w+\s(?:open|read)|rename\stable|begin\s(?:declare|dbms_|execute|perform)|set\s(?:role|@|global|session)|attach\sdatabase|(?:drop|truncate|alter|create)\s(?:table|database|user|role|schema|view)\b|delete\sfrom|insert\sinto|update\s\w+\sset|declare\s@|exec(?:ute)?\s?[(@]|grant\s\w+\s(?:on|to)|select\s(?:pg_|@@|sleep|\d)|waitfor\s)`,
    },
    weight: 2,
    inIsland: 5,
    inText: 5,
  },
  {
    id: 'sqli-statement',
    class: 'sqli',
    title: 'a statement that changes data, code or rights',
    view: 'sql',
    match: {
      regex: String.raw`\b(?:drop\s\s?(?:table|database|schema|view|user|procedure)\s\s?(?:if exists )?[\w.\x60"\[]+\s?(?:;|--|#|cascade)|delete\s\s?from\s\s?[\w.\x60]+\s?(?:;|--|where\s)|insert\s\s?into\s\s?[\w.\x60]+\s?(?:\(|values|select)|update\s\s?[\w.\x60]+\s\s?set\s\s?[\w.\x60]+\s?=|create\s\s?(?:table|user|login|database|trigger|procedure|function)\s\s?[\w.\x60]+\s?(?:\(|identified|with|as|$)|alter\s\s?(?:table|database|user|login|session)\s\s?\w|grant\s\s?(?:all|connect|select|insert|update|delete|execute|dba|sysadmin|resource|super)[\w, ]*\s\s?(?:to|on)\s\s?\w|exec(?:ute)?\s\s?(?:immediate|master|xp_|sp_|@|\(|')|copy\s\s?\w+\s\s?(?:from|to)\s\s?(?:'|program)|copy\s?\([^;]+?\)\s?to\s(?:'|program)|(?:lines|fields|columns)\s(?:terminated|starting|enclosed)\sby\s|declare\s\s?@\w|load\s\s?(?:data|xml)\s\s?(?:local\s|low_priority\s|concurrent\s)?\s?infile|into\s\s?(?:out|dump)file\s?['"(]|procedure\s\s?analyse\s?\(|truncate\s\s?table\s\s?[\w.]+\s?(?:[;#]|--|$)|backup\s\s?(?:database|log)\s\s?\w+\s\s?to\s|attach\s\s?database\s?['"]|bulk\s\s?insert\s|create\s\s?(?:or replace\s)?(?:function|procedure)\b[^;]+?\b(?:language|returns|begin))`,
    },
    weight: 5,
    inIsland: 4,
    inText: 1,
  },
];
