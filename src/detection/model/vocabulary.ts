/**
 * Words that mean something to an interpreter: of SQL, HTML and scripts, shells, templates, paths and XML. All others
 * are alike to the model, so that it learns how attacks are built and not whose names stand in them.
 */
const WORDS = `
select union all distinct from where and or xor not null like rlike regexp between in is limit offset order group by
having insert into values update set delete drop table database schema alter create exec execute declare cast convert
char nchar varchar chr ascii ord hex unhex substring substr mid concat group_concat load_file outfile dumpfile sleep
benchmark pg_sleep waitfor delay time if case when then else end begin union_all information_schema tables columns
table_name column_name version user current_user system_user session_user database sysobjects syscolumns master xp_cmdshell
sp_password dbms_pipe receive_message utl_inaddr utl_http extractvalue updatexml xmltype rand floor count sum exists
procedure analyse admin true false div mod as on join left right inner outer using top desc asc replace length len
script img svg iframe body input form button object embed applet meta link style base video audio source details
marquee math table td a href src srcdoc action formaction data background dynsrc lowsrc poster xlink onerror onload onclick
onmouseover onfocus onblur onmouseenter onmouseleave ontoggle onstart onbegin onanimationstart onpointerover onwheel
onscroll onresize onkeyup onkeydown onsubmit oncopy onpaste autofocus javascript vbscript livescript expression alert
prompt confirm eval document cookie window location domain write innerhtml fromcharcode string function constructor
settimeout setinterval fetch xmlhttprequest import default http https ftp file gopher dict ldap ldaps rmi dns php phar expect
zip jar netdoc text html base64 xml xmlns version encoding doctype entity system public element attlist cdata xinclude
include parse xsl stylesheet template value
etc passwd shadow group hosts issue proc self environ cmdline fd var log apache apache2 httpd nginx access error logs
conf config ini boot win windows system32 drivers winnt inetpub wwwroot home root ssh id_rsa authorized_keys bash_history
htaccess htpasswd web inf web.xml usr local bin sbin lib tmp dev opt mysql my.cnf php.ini
cat ls id whoami uname wget curl ping nc ncat netcat bash sh ksh zsh csh cmd exe powershell nslookup dig netstat ifconfig
ipconfig ps pwd echo perl python python3 ruby type dir net systeminfo tasklist copy move del rm cp mv chmod chown
head tail more less grep awk sed find which env printenv export sudo su kill reboot shutdown touch mkdir tar scp telnet
localgroup administrators add c lvvp e rev
class mro subclasses globals builtins init getattr request config self popen os subprocess system runtime getruntime
java lang processbuilder freemarker utility execute assign new range items dump debug twig env registerundefinedfiltercallback
filter getfilter sort map reduce join passthru shell_exec assert phpinfo exec require child_process process mainmodule
spring expression t velocity set foreach jndi lower upper sys hostname docbase ctx erb puts backtick lipsum cycler joiner
namespace url_for get_flashed_messages application jinja2 smarty literal fetchall print
ne gt gte lt lte nin where regex exists elemmatch mapreduce return this
objectclass uid cn mail userpassword
`;

const KNOWN: ReadonlySet<string> = new Set(WORDS.split(/\s+/).filter((word) => word !== ''));

export const isKnownWord = (word: string): boolean => KNOWN.has(word);
