import { paired, values } from './values.ts';

const TALK = values`
How do I write SELECT name FROM meters WHERE id = 5 in your report builder?
My query "select * from readings where kwh > 10 order by ts desc limit 10" takes 5 seconds.
Should I use UNION or UNION ALL to join the two result sets?
The migration does ALTER TABLE meters ADD COLUMN unit text; is that safe on a live system?
I ran DELETE FROM readings WHERE ts < '2020-01-01' and it removed 3 rows.
The docs say to use INSERT INTO ... ON CONFLICT DO UPDATE for that; does it work here?
What's the difference between DROP TABLE and TRUNCATE TABLE?
In SQL a string is quoted with ' and a name with "; a comment starts with --.
Our lesson today: why "' OR 1=1" in a log file means that somebody is up to no good.
The scanner's report mentions SQL injection, XSS and path traversal; what do those words mean?
To escape a quote in SQL, write it twice: 'O''Brien'.
COUNT(*) is slower than COUNT(id)? I doubt it; EXPLAIN ANALYZE shows the same plan.
Please restart it with sudo systemctl restart gateway and send me the output.
Then run npm ci && npm test; if it fails, send us the log.
Use ls -la | grep log to see the log files, or find . -name "*.log".
cat /var/log/syslog | tail -n 20 shows the last lines; nothing special there.
Do a ping 10.0.0.1 from the gateway; if it's lost, check the cable.
I usually do cd /opt/gateway; git pull; make to update it.
curl -s https://api.example.org/health | jq .status says "ok".
wget gives 404 for https://example.org/firmware/1.4.2.bin; is the file gone?
Put export PATH=$PATH:/usr/local/bin into your ~/.bashrc and log in again.
chmod +x install.sh && ./install.sh did the trick, thanks!
docker run --rm -p 8080:8080 example/gateway:1.4 works; the older one doesn't.
echo "hello" > test.txt creates the file; >> would append.
The backup is made by tar czf backup.tar.gz /srv/data every night at 3.
In vi type :wq to save and :q! to leave without saving.
The file /etc/hosts on the gateway lists 10.0.0.5 plant-server; is it right?
My nginx config is in /etc/nginx/nginx.conf; the log in /var/log/nginx/error.log.
Users are listed in /etc/passwd, their passwords (hashed) aren't.
The link ../images/plan.png in the README is broken; it should be ./images/plan.png.
import { total } from '../../lib/total.js' doesn't resolve any more after the move.
Copy it to C:\Windows\Temp first, or to %TEMP%, then start setup.exe.
The web.config and the .htaccess of the old site aren't needed any more.
The page's <script> tag is in the wrong place; it should come before </body>.
Do I need <script type="module"> for that or will a plain <script> do?
Add onclick="save()" to the button, or better use addEventListener.
In the template we've got <img src="logo.png" alt="Logo">; the picture's missing.
Why does <iframe> not work in the description? I wanted to embed the plan.
React complains about dangerouslySetInnerHTML; can I switch the check off?
A "javascript:" link doesn't work in the menu any more; since when is it blocked?
document.cookie is empty in my tests; is the cookie HttpOnly?
alert() pops up twice when I save; is that on purpose?
What does eval do, and why does the linter forbid it?
Our template says {{ user.name | upper }} and it prints the braces; why?
In Jinja you'd write {% if kwh > 10 %}high{% endif %}; what's the syntax here?
Is it \${amount} or #{amount} in the bill's template? Neither is replaced.
In the mail I get "Hello \${user.firstName}" instead of the name.
Use <%= name %> for ERB and @Model.Name for Razor; ours is {{name}}.
The XML starts with <!DOCTYPE note SYSTEM "note.dtd">; the importer doesn't take it.
How's an <!ENTITY> declared in a DTD? I only found &amp; and &lt;.
JNDI lookup fails: javax.naming.NameNotFoundException: jdbc/meters
The LDAP filter (&(objectClass=person)(uid=ann)) finds nobody; (uid=*) finds all.
In MongoDB I'd use {kwh: {$gt: 10}}; how do I write that in your API?
http://localhost:8080/admin works, http://127.0.0.1:8080/admin doesn't; why?
Metadata of the VM: http://169.254.169.254 isn't reachable from the container; it's not meant to be.
The PHP page shows "<?php echo $title; ?>" as text; is PHP off?
phpinfo() says 8.3; the old server had 7.4 and system() disabled.
What's $_GET['id'] in the old code for? It's never used.
Use os.path.join(a, b) and never a + '/' + b; subprocess.run(["ls"]) is fine too.
Runtime.getRuntime().exec is flagged by our scanner; it's in the legacy importer.
Try sleep 5 between the calls or you'll hit the limit of 10/s.
I get "syntax error near unexpected token '('" when I run the script.
ORA-00933: SQL command not properly ended; what did I do wrong?
You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version
ERROR: column "kwh" does not exist at character 8; HINT: Perhaps you meant "kWh".
WHERE 1=1 at the start makes it easier to append AND conditions, that's all.
IF(kwh > 10, 'high', 'low') works in MySQL, CASE WHEN kwh > 10 THEN 'high' END everywhere.
The user typed: Robert'); and the form refused it. Was that the joke from the comic?
a OR b AND c is a OR (b AND c); NOT binds tighter.
(pump OR valve) AND NOT "north wing" finds too much; "pump" alone is fine.
title:"pump" AND (status:open OR status:new) -assignee:ann
1; 2; 3 -- and so on
'quoted' or "quoted", which is it?
Is it 'a' = 'a' or "a" == "a" in your formulas?
He said 'yes' or 'no' -- I don't remember; 'maybe' = 'no' with him.
#1 or #2; #3 and #4 -- that's the order of the pumps.
5' or 6' long; 2" or 3" wide.
x' = x + 1; y' = y - 1; and z'' = 0
admin'--s account is locked? No: admin's account.
"A" and "B" or "C"; 'D' and 'E'
You can't have your cake & eat it; or 1 = 2.
Please select 3 items from the list; union members get 10% off; drop us a line.
; ) wink
-- Ann
--- cut here ---
/* this is a comment */
// TODO: ask O'Brien
# a heading; a comment
<!-- hidden note: call back on Monday -->
<no value>
<unknown>
<<< important >>>
>>> import this
$ npm start
$100 && a smile
rm -rf is dangerous, be careful with it!
The joke "sudo make me a sandwich" is on his mug; mine says "rm -rf /".
`;

const LEADS = values`
Question from a customer:
Hi! Quick one:
I'm not a developer, but our IT asked me to tell you:
Lesson 4 of the course:
Re: [ticket 4711]
Copied from the forum -
`;

const ENDINGS = values`
Thanks for any hint!
What am I doing wrong?
It worked yesterday, didn't it?
Sorry if that's a stupid question ;-)
Best, Bob
`;

/** Honest people who write about SQL, shells, markup and templates: what is hardest to tell from an attack. */
export const hard: readonly string[] = [
  ...TALK,
  ...paired(TALK, LEADS, (talk, lead) => `${lead} ${talk}`),
  ...paired(TALK, ENDINGS, (talk, ending) => `${talk} ${ending}`),
  ...paired(TALK, LEADS, (talk, lead) => `${lead}\n\n> ${talk}\n\nCan you help?`),
];
