/**
 * The words that mean something to libinjection: of a text without any of them, and without a sign that quotes, calls or
 * ends a statement, it makes no fingerprint that it knows. `+` stands for blanks.
 *
 * @see libinjection sqlparse_data.json: keywords of the kinds k, U, B, E, T, t, A, o, & and v
 */
const WORDS = `
_armscii8 _ascii _big5 _binary _cp1250 _cp1251 _cp1257 _cp850 _cp852 _cp866 _cp932 _dec8 _eucjpms _euckr _gb2312 _gbk
_geostd8 _greek _hebrew _hp8 _keybcs2 _koi8r _koi8u _latin1 _latin2 _latin5 _latin7 _macce _macroman _sjis _swe7
_tis620 _ujis _usc2 _utf8 abort accessible against all_users alter analyze and anyarray anyelement anynonarry as asc
asensitive autoincrement before begin between bigint bigserial binary blob boolean both bytea call cascade case change
character collate column condition constraint continue count_big create cstring current+date current+degree
current+path current+server current+timezone current_date current_path current_server current_time current_timestamp
current_timezone current_user cursor databases day_hour day_microsecond day_minute day_second dec decimal declare
default delay delayed delete desc describe deterministic distinct distinctrow div double drop each else elseif
enclosed eqv escaped except exec execute exit explain fetch float float4 float8 force foreign from full+outer fulltext
function go goto grant group+by handler having high_priority hour_microsecond hour_minute hour_second ignore in index
infile inner inout insensitive insert int int1 int2 int3 int4 int8 integer intersect interval into is iterate join
keys kill leading leave left+outer like limit linear lines load localtime localtimestamp lock+table lock+tables
longblob longtext loop low_priority master_bind master_ssl_verify_server_cert match maxvalue mediumblob mediumint
mediumtext merge middleint minute_microsecond minute_second mod modifies money natural+full natural+left
natural+left+outer natural+outer natural+right next+value+for no_write_to_binlog not notnull nowait null numeric
offset oid one_shot open optimize option optionally or order+by outfile own3d partition precision previous+value+for
primary print procedure purge raiseerror range read read_write reads real references regclass regconfig regdictionary
regexp regoper regoperator regproc regprocedure regtype release rename repeat replace require resignal restrict return
revoke right+outer rlike schema schemas second_microsecond select sensitive separator serial serial2 serial4 serial8
set shutdown signal similar smallint smallserial sounds spatial specific sql sql_big_result sql_buffer_result
sql_cache sql_calc_found_rows sql_no_cache sql_small_result sqlexception sqlstate sqlwarning ssl starting
straight_join syscolumns sysobjects sysusers terminated text then time timestamp tinyblob tinyint tinytext top trigger
try uescape undo uni_on union unknown unlock unsigned update usage use utc_date utc_time utc_timestamp values
varbinary varchar varcharacter varying void wait waitfor+receive when where while with+rollup xor xp_execresultset
year_month zerofill
`;

const LIST = WORDS.trim().split(/\s+/);
const KNOWN: ReadonlySet<string> = new Set(LIST.flatMap((words) => words.split('+')));
const SIGNS = String.raw`['"\x60();#{}\\@$]|--|/\*|&&|\|\|`;
const ANY_WORD = LIST.map((words) => words.replaceAll('.', '\\.').replaceAll('+', '\\s+')).join('|');

/** Matches, as an expression of RE2, every text in which libinjection could find SQL. A word may follow a number at once. */
export const MAY_BE_SQL = `${SIGNS}|(?:\\b|\\d[a-fx\\d]*)(?:${ANY_WORD})\\b`;

/** Begins like a sentence or a link: none of its fingerprints begins with two bare words, or with a word and a colon. */
const OPENING = /^\s*(?:https?:\/\/|([A-Za-z]\w*)[ \t]+([A-Za-z]\w*)(?=[ \t\n,.:]|$)(?!\s*\())/;
const QUOTE = /['"]/;

/** Whether libinjection can be spared although there may be words of SQL: it reads a text without quotes from its beginning. */
export function opensHarmlessly(text: string): boolean {
  if (QUOTE.test(text)) return false;
  const [opening, first, second] = OPENING.exec(text) ?? [];
  if (opening === undefined) return false;
  return first === undefined || second === undefined || !(isMeaningful(first) || isMeaningful(second));
}

const isMeaningful = (word: string): boolean => KNOWN.has(word.toLowerCase()) || NAMED_LIKE_FUNCTIONS.test(word);
/** Bare words that it turns into something else by what follows. */
const NAMED_LIKE_FUNCTIONS =
  /^(?:user|user_id|user_name|database|password|group|order|waitfor|insert|in|not|is|left|right|if|by)$/i;

/** Attributes that libinjection knows to run something, besides all that begin with `on`. */
const ATTRIBUTES =
  'action|attributename|by|background|dataformatas|datasrc|dynsrc|filter|formaction|folder|from|handler|href|lowsrc|poster|src|style|to|values';
const BEFORE_NAME = String.raw`(?:^|[\x00-\x20/"'\x60>])`;

/** The same of what its other half could find: a tag, or an attribute that runs something. */
export const MAY_BE_HTML = String.raw`<|${BEFORE_NAME}(?:(?:on|xmlns|xlink)[^\s/=>]*|${ATTRIBUTES})[\x00-\x20]*=`;
