import type { Rule } from '../judge/types.ts';
import { EVERYWHERE } from './channels.ts';
import { COMMON_FUNCTIONS, DATABASE_FUNCTIONS } from './sqli-words.ts';

const TYPES =
  'int|int2|int4|int8|integer|bigint|smallint|numeric|decimal|float4|float8|text|varchar|bpchar|char|name|jsonb?|bool|boolean|date|timestamp|timestamptz|bytea|regclass|regtype|oid|money|xml|uuid|inet|int\\[\\]|text\\[\\]';

/** Injection into SQL by calls: to wait, to read, to fail with an answer in the error. */
export const sqliFunctionRules: readonly Rule[] = [
  {
    id: 'sqli-time',
    class: 'sqli',
    title: 'a wait that tells a blind query from another',
    view: 'sql',
    match: {
      regex: String.raw`\b(?:sleep|pg_sleep(?:_for|_until)?|dbms_pipe\.receive_message|dbms_lock\.sleep|dbms_session\.sleep|randomblob|sleepfor)\s?\(\s?[\d'"(]|\bbenchmark\s?\(\s?[\d(]+\s?,|\bwaitfor\s\s?(?:delay|time)\s*['"\d(]`,
    },
    weight: 4,
    inText: 2,
    channels: EVERYWHERE,
  },
  {
    id: 'sqli-time-in-place',
    class: 'sqli',
    title: 'a wait where a value is due',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|['")\d;,(=\s])(?:and |or |not |r?like |regexp |div |mod |between |select |\|\||&&|[;,=(+*/%^|&<>-]|xor |if\s?\()\s?\(?(?:sleep|pg_sleep|benchmark|randomblob)\s?\(|\bwaitfor\s\s?(?:delay|time)\s*['"\d]|^\s?(?:sleep|benchmark|pg_sleep|randomblob)\s?\([\d'"(][^)]*\)[\s)]*(?:--|#|/\*|$|;|=|'|")|['"]\s?\)?\s(?:sleep|benchmark|pg_sleep)\s?\(`,
    },
    weight: 3,
    inText: 3,
    channels: EVERYWHERE,
  },
  {
    id: 'sqli-functions',
    class: 'sqli',
    title: 'a function of a database with a call or a query inside of it',
    view: 'sql',
    match: {
      regex: String.raw`\b(?:${DATABASE_FUNCTIONS})\s?\([^()]*\(|\w\s?\(\s?\(?\s?(?:select|case\swhen)\b|\([^()]*\b(?:version|user|database|schema|sysdate|current_user|session_user|system_user|pi)\s?\(\s?\)`,
    },
    weight: 4,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'sqli-functions-common',
    class: 'sqli',
    title: 'functions that take a text apart or put it together, inside of each other',
    view: 'sql',
    match: {
      regex: String.raw`\b(?:${COMMON_FUNCTIONS})\s?\(\s?\(?(?:ascii|substr|substring|mid|chr|char|user|cast|convert|concat|hex|ord|left|right|length|count|rand)\s?\(`,
    },
    weight: 2,
    inIsland: 1,
    inText: 0,
  },
  {
    id: 'sqli-function',
    class: 'sqli',
    title: 'a function of a database where a value is due',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|[\s'"(,=|&+*/<>-])(?:${DATABASE_FUNCTIONS}|unhex|user|version|schema)\s?\(\s?(?:\)|\(|['"@]|0x|\d+\s?[,)=]\s?[^\s\w]|select|\w+\s?[,(])`,
    },
    weight: 3,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'sqli-function-common',
    class: 'sqli',
    title: 'a function that takes a text apart or puts it together, where a value is due',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|[\s'"(,=|&+*/<>-])(?:ascii|substring|substr|mid|chr|char|concat|ifnull|nullif|nvl2?|compress|row|geometrycollection|(?:multi)?(?:polygon|point|linestring))\s?\(\s?(?:\(?\s?(?:select|\x60|@|0x|user\s?\(|version\s?\()|['"@]|0x|\d+\s?[,)=]\s?[^\s\w]|\w+\s?[,(])`,
    },
    weight: 2,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'sqli-function-reaching',
    class: 'sqli',
    title: 'a function of a database that reads, writes, calls out or fails with what it was given',
    view: 'sql',
    match: {
      regex: String.raw`\b(?:load_file|extractvalue|updatexml|lo_(?:import|export|get|put|create|unlink|from_bytea)|utl_\w+\.\w+|dbms_\w+\.\w+|ctxsys\.\w+\.\w+|pg_(?:read_file|read_binary_file|ls_dir|sleep|file_write|stat_file)|openrowset|opendatasource|openquery|sys_exec|sys_eval|query_to_xml|table_to_xml|database_to_xml|load_extension|gtid_subset|gtid_subtract|xmltype|httpuritype|name_const)\s?\(`,
    },
    weight: 3,
    inIsland: 2,
    inText: 0,
  },
  {
    id: 'sqli-function-compared',
    class: 'sqli',
    title: 'a call behind OR, AND or a closed value, and what it answers compared',
    view: 'sql',
    match: {
      regex: String.raw`(?:^|['")\d\s])(?:or|and|xor|\|\||&&|div|mod|-|\+|\*|/)\s?\(?(?:not )?\(?(?:${DATABASE_FUNCTIONS}|ascii|substring|substr|mid|chr|char|concat|length|left|right|hex|version|user|cos|sin|pi|rand|floor|sign)\s?\([^;]*\)[\s)]*(?:=|<|>|!=|\blike\b|\brlike\b|\bregexp\b|\bin\b|\bbetween\b)\s?[\w'"(]`,
    },
    weight: 3,
    inIsland: 2,
    inText: 1,
  },
  {
    id: 'sqli-function-cut',
    class: 'sqli',
    title: 'a function of a database that is called and not ended',
    view: 'sql',
    match: { regex: String.raw`(?:^|[^\w.])(?:${DATABASE_FUNCTIONS})\s?\(\s?$|\bselect\w*[\s\d,'"(]+user\s?\(\s?$` },
    weight: 5,
    inIsland: 0,
  },
  {
    id: 'sqli-cast',
    class: 'sqli',
    title: 'a cast of PostgreSQL where a value is due',
    view: 'sql',
    match: {
      regex: String.raw`[)'"\]}]\s?::\s?(?:${TYPES})\b|\b(?:current_user|session_user|current_database|current_schema|user|version|password)\s?::\s?(?:${TYPES})\b`,
    },
    weight: 5,
    inIsland: 3,
    inText: 1,
  },
  {
    id: 'sqli-cast-error',
    class: 'sqli',
    title: 'a cast of what the database answers, for the error to tell it',
    view: 'sql',
    match: {
      regex: String.raw`\b(?:cast|try_cast)\s?\([^;]*?\bas\s(?:int|integer|numeric|signed|unsigned|varchar|nvarchar|char|text|xml|decimal|date|number|double)\b|\bconvert\s?\(\s?(?:int|integer|numeric|signed|varchar|nvarchar|char|decimal)\b\s?(?:\(\d+\)\s?)?,|\boverlay\s?\([^;]*?\bplacing\b|\bposition\s?\([^;]*?\bin\s?\(?\s?(?:select|version|current_user|user)\b`,
    },
    weight: 4,
    inIsland: 3,
    inText: 1,
  },
  {
    id: 'sqli-own-user',
    class: 'sqli',
    title: 'who the database takes the client for, asked, compared or joined to a value',
    view: 'sql',
    match: {
      regex: String.raw`^\W*select\s(?:current_user|session_user|system_user)\b|(?:^|['")\d\s])(?:or|and|xor|where|\|\||&&|\+|,|=)\s?\(?(?:current_user|session_user|system_user|current_database|current_schema|current_catalog)\b|\b(?:current_user|session_user|system_user)\s?(?:=|<|>|!=|::|like\b|\|\||--|#|/\*)`,
    },
    weight: 5,
    inIsland: 3,
    inText: 1,
  },
];
