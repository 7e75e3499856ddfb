/** Words of SQL that several rules are put together of: RE2 expressions without a group of their own around them. */

/** What joins a condition to the one before. */
export const JOIN = String.raw`(?:or|and|xor|\|\||&&|having|not|div|rlike)`;

export const COMPARE = String.raw`(?:=|<=>|<>|!=|<=|>=|<|>|\bnot like\b|\blike\b|\bis\b|\bin\b|\bbetween\b|\bregexp\b|\brlike\b|\bilike\b|\bglob\b|\bsimilar to\b)`;

/** A number or a quoted text, perhaps one that is not closed, with signs and sums before it. */
export const LITERAL = String.raw`[\s(+~!-]*(?:\d+(?:\.\d+)?\w*|'(?:[^']*'|[^'\s=<>]*)|"(?:[^"]*"|[^"\s=<>]*)|null|true|false|@@?\w+)(?:\s?[-+*/|&^%]\s?\d+)*[\s)]*`;

/** What may stand between two values: of signs and of words. */
export const OPERATOR = String.raw`(?:or|and|xor|not|like|not like|rlike|regexp|not rlike|not regexp|sounds like|mod|div|is|is not|in|not in|between|<=>|<>|!=|[<>=]+|[-+*/%&|^][-+*/%&|^]?|=\s?0|<@|~)`;

/** Functions that no other language has, or that attacks on databases live of. */
export const DATABASE_FUNCTIONS =
  'benchmark|concat_ws|current_database|current_schemas?|current_setting|current_user|database|database_to_xml|db_name|elt|export_set|extractvalue|' +
  'find_in_set|found_rows|fromchar|group_concat|gtid_subset|gtid_subtract|host_name|is_srvrolemember|is_member|json_keys|json_extract|json_build_object|' +
  'json_array_elements|jsonb?_object_agg|last_insert_id|listagg|lo_(?:import|export|get|put|create|unlink|from_bytea)|load_extension|load_file|make_set|' +
  'name_const|object_id|object_name|openrowset|opendatasource|openquery|ord|pg_\\w+|procedure_analyse|query_to_xml|quote_ident|quote_literal|randomblob|regexp_substring|regexp_substr|row_count|' +
  'schema_name|session_user|sqlite_\\w+|st_latfromgeohash|string_agg|substring_index|suser_s?name|sys_context|sys_eval|sys_exec|system_user|sys\\.\\w+|table_to_xml|to_nchar|' +
  'unhex|uncompress|unistr|updatexml|user_name|utl_inaddr\\.\\w+|utl_http\\.\\w+|utl_raw\\.\\w+|utl_file\\.\\w+|xmltype|xmlquery|xpath_exists|zeroblob|dbms_\\w+\\.\\w+|ctxsys\\.\\w+(?:\\.\\w+)?|httpuritype';

/** Functions of databases that formulas and programs have as well. */
export const COMMON_FUNCTIONS =
  'ascii|bin|char_length|character_length|coalesce|compress|from_base64|ifnull|iif|isnull|nullif|nvl2?|soundex|space|strcmp|to_char|cast|char|chr|concat|conv|convert|count|decode|exp|field|floor|format|hex|if|insert|instr|left|length|like|locate|lower|lpad|max|md5|mid|min|now|oct|position|quote|rand|repeat|' +
  'replace|reverse|right|row|rpad|rtrim|schema|sha1|sign|sin|sleep|substr|substring|sum|trim|unicode|upper|user|uuid|version';
