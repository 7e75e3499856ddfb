import type { Rule } from '../judge/types.ts';

/** Blanks and comments, which may stand between the name of a function and its arguments. */
const GAP = String.raw`(?:\s|/\*[^*]*\*/|(?:#|//)[^\n]*\n)*`;

/** Functions that nothing but PHP has and that an attack ends in, or is hidden by. */
const FUNCTIONS =
  'shell_exec|proc_open|pcntl_exec|passthru|phpinfo|phpversion|php_uname|php_sapi_name|phpcredits|base64_decode|base64_encode|gz(?:inflate|uncompress|decode|deflate|compress)|zlib_decode|str_rot13|strrev|convert_uu\\w+|hex2bin|' +
  'file_(?:get|put)_contents|file_exists|fsockopen|pfsockopen|stream_\\w+|call_user_func(?:_array)?|create_function|preg_replace(?:_callback)?|array_(?:map|filter|walk|diff_u\\w+|reduce)|usort|uasort|uksort|register_shutdown_function|register_tick_function|' +
  'unserialize|var_dump|var_export|print_r|debug_zval\\w*|get_defined_\\w+|get_cfg_var|ini_(?:set|get|alter|restore)\\w*|set_time_limit|ignore_user_abort|putenv|getenv|move_uploaded_file|readfile|readgzfile|show_source|highlight_(?:file|string)|php_strip_\\w+|' +
  'posix_\\w+|curl_(?:init|exec|setopt|multi_\\w+)|assert_options|parse_str|ob_start|opendir|scandir|parse_ini_file|mysqli?_\\w+|pg_(?:connect|query|exec\\w*)|sqlite_\\w+|escapeshell\\w+|error_log|error_reporting|spl_autoload\\w*|simplexml_load_\\w+|iterator_apply|' +
  'strip_tags|htmlspecialchars\\w*|is_(?:dir|file|readable|writable|callable)|chgrp|chown|tempnam|tmpfile|symlink|fwrite|fputs|fread|fgets|feof|popen|is_a|apache_\\w+|getmy\\w+|getlastmod|getcwd|sys_getloadavg|disk_\\w+_space|imap_\\w+|mb_send_mail|odbc_\\w+|array_key_\\w+|func_get_args?|unpack';
/** Words of other languages as well, which count with something that is passed to them. */
const COMMON =
  'system|exec|eval|assert|include|require|include_once|require_once|printf|mail|fopen|file|glob|unlink|mkdir|rmdir|rename|copy|chmod|define|constant|link|bzopen|gzopen|die|substr|chr|implode|join';
/** What runs commands or code. */
const RUNNERS =
  'system|exec|passthru|shell_exec|popen|proc_open|assert|eval|pcntl_exec|phpinfo|create_function|call_user_func';

/** PHP: CWE-94, CWE-98, CAPEC-242. */
export const phpRules: readonly Rule[] = [
  {
    id: 'code-php-tag',
    class: 'code',
    title: 'the beginning or end of PHP',
    view: 'decoded',
    match: {
      regex: String.raw`<\?(?:php\b|=|\s+(?:echo|print|eval|system|exec|include|require|phpinfo|passthru|\$|@|/)|\s*$)|<\?\s*php\b|[\[{]\\*/?php[\]}]|<script\s[^>]*language\s*=\s*["']?php|<%\s*(?:eval|execute|response\.write)\b`,
    },
    weight: 5,
    inIsland: 1,
  },
  {
    id: 'code-php-superglobal',
    class: 'code',
    title: 'the input of a request, as PHP names it',
    view: 'decoded',
    match: {
      regex: String.raw`\$\{?['"]?_*(?:_(?:get|post|request|cookies?|server|env|files|session)|globals|http_(?:raw_post_data|(?:get|post|cookie|server|env)_vars))\b`,
    },
    weight: 5,
    inIsland: 1,
  },
  {
    id: 'code-php-function',
    class: 'code',
    title: 'a call of a function of PHP',
    view: 'decoded',
    match: { regex: String.raw`(?:${FUNCTIONS})${GAP}=?\(` },
    weight: 5,
    inIsland: 1,
  },
  {
    id: 'code-php-common-call',
    class: 'code',
    title: 'a call that may be one of PHP, with a text or a variable',
    view: 'decoded',
    match: {
      regex: String.raw`(?:^|[^\w.$-])@?(?:${COMMON})${GAP}\(\s*["'][^"'()]*["']\s*\)|(?:[^\w\s.$-]\s*|@)(?:print|echo)${GAP}\(\s*["'][^"'()]*["']\s*\)|(?:^|[^\w.$-])@?(?:${COMMON}|print|echo)${GAP}\(\s*(?:\$\w|chr\s*\(|(?:${FUNCTIONS})\s*\()|\b(?:system|exec|eval|assert|passthru)\(\s*\w+\s*\)|\bexec\s+#[^\n]*\n|\bfile\s*[\r\n]+\s*\(`,
    },
    weight: 5,
    inIsland: 1,
  },
  {
    id: 'code-php-variable-call',
    class: 'code',
    title: 'a call of what a variable names',
    view: 'decoded',
    match: {
      regex: String.raw`\$\$*[a-z_]\w*(?:\[[^\]]+\]|\{[^}]+\}|->\$?\w+|/\*[^*]*\*/|::\$?\w+)+(?:\(|[\r\n]+\s*\()|\$\$+[a-z_]\w*\s*\(|\$[a-z_]\w*(?:\([^;]*\)\s*(?:;|\?>)|[\r\n]+\s*\(|\(\s*(?:['\x60]|\$_|\$\w+\s*\)|["']\s*\.))|@?\$_\w*\s*\[[^\]]*\]${GAP}[(\[]|\$_*\[[^\]]*[@!+~_]|\$_*[a-z]?(?:[0o_]*0[0o_]+|_*oo[0o_]*)\w*\s*\(|\$_+\s*\(|\w::\$\w+\s*\(|@\$\w+\s*[\[(]|->\$\w`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'code-php-hidden-call',
    class: 'code',
    title: 'a call whose name is a text or is put together',
    view: 'decoded',
    match: {
      regex: String.raw`[(\[][\s+(\['"/*\w.]*\b(?:${RUNNERS})\b[^;]*[)\]}]\s*\+*\s*[({]|(?:\(|\breturn\s*|^\s*)(?:\(\s*\+?string\+?\s*\)\s*)?\+?["']\w+\s*["']\s*(?:\+?\.\+?\s*["']\w*["']\s*)*\)?(?:\[\d\])?\(|["']\s*\+?\.\+?\s*["']\w+["']\s*\)?\s*\+?;?\s*\(|\(\w+(?:\.\(?\w+\)?)+\)\s*\(\s*['"]|\(\s*\w+\s*\)\s*(?:/\*[^*]*\*/\s*)*\(\s*\+*['"]\w+['"]\s*\)`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'code-php-setting',
    class: 'code',
    title: 'a setting of PHP that opens it',
    view: 'decoded',
    match: {
      regex: String.raw`\b(?:allow_url_(?:include|fopen)|auto_(?:prepend|append)_file|disable_(?:functions|classes)|open_basedir|safe_mode\w*|suhosin\.\w+|cgi\.force_redirect|opcache\.\w+|unserialize_\w+|zend\.\w+|session\.upload_progress\.\w+|mail\.add_x_header|short_open_tag|register_globals|magic_quotes_\w+)\s*=|%00?\.php`,
    },
    weight: 5,
    inIsland: 1,
  },
  {
    id: 'code-php-stream',
    class: 'code',
    title: 'an address that PHP alone understands',
    view: 'decoded',
    match: {
      regex: String.raw`\b(?:ssh2(?:\.\w+)?|compress\.(?:zlib|bzip2)|zlib|bzip2|glob|phar|rar|ogg|expect|php)://`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'code-upload-name',
    class: 'code',
    title: 'the name of a file that a server would run',
    view: 'decoded',
    match: {
      regex: String.raw`^[\w .\\/()-]*\.(?:ph(?:p\d*|tml|ar|ps|t|pt)|jspx?|jsw|jsv|jspf|asp|aspx|ashx|asmx|cfm|cer|asa)[\s.;]*$|\bsess_[0-9a-z]{16}\w*$`,
    },
    weight: 5,
    channels: ['header'],
  },
];
