#!/bin/bash
# Run by host.test.ts in mounts of its own (unshare --mount): hardens this system, whose settings are copies here, with its
# real sshd and apt. There is no systemd in a container, so a recorder stands for systemctl. $1: the script.
set -euo pipefail
subject=$1
ground=$(mktemp -d)
mount --make-rprivate /
trap 'umount /etc /var/lib /run/sshd 2>/dev/null || true; rm -rf "$ground"' EXIT
mkdir -p "$ground"/{lib,bin,home/.ssh} /run/sshd
cp -a /etc "$ground/etc"
mount -t tmpfs -o mode=0755 tmpfs /run/sshd
mount --bind "$ground/etc" /etc
mount --bind "$ground/lib" /var/lib
rm -f /etc/ssh/sshd_config.d/*.conf /etc/apt/apt.conf.d/*periodic* /etc/apt/apt.conf.d/20auto-upgrades /etc/mongod.conf
[[ -e /etc/ssh/ssh_host_ed25519_key ]] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
printf 'root:x:0:0::/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\nada:x:1001:1001::%s/home:/bin/sh\n' "$ground" >/etc/passwd

# On unless it was switched off; SSH doesn't run.
cat >"$ground/bin/systemctl" <<SYSTEMCTL
#!/bin/sh
echo "\$*" >>$ground/asked
case "\$*" in
  *--quiet*ssh) exit 3 ;;
  *--quiet*) ! grep -qx "\$3" $ground/off ;;
  disable*) echo "\$3" >>$ground/off ;;
  enable*) grep -vx "\$3" $ground/off >$ground/left; mv $ground/left $ground/off ;;
esac
SYSTEMCTL
chmod +x "$ground/bin/systemctl"
export PATH=$ground/bin:$PATH
touch "$ground/off" "$ground/asked"
try() { "$@" 2>&1 || { echo "ended with $?"; return; }; echo 'ended with 0'; }

echo '== before'
try "$subject"
echo '== dry run'
try "$subject" --apply --dry-run
echo '== after the dry run'
try "$subject"
echo '== without keys'
try "$subject" --apply
/usr/sbin/sshd -T | grep '^passwordauth'
echo 'ssh-ed25519 AAAA ada' >"$ground/home/.ssh/authorized_keys"
: >"$ground/asked"
echo '== applied'
try "$subject" --apply
echo '== sshd'
/usr/sbin/sshd -T
echo '== services'
grep -v -- --quiet "$ground/asked"
echo '== again'
try "$subject" --apply
: >"$ground/asked"
echo '== undone'
try "$subject" --undo
try "$subject"
cat "$ground/asked"
echo '== kept'
: >"$ground/asked"
"$subject" --apply --keep nginx | grep disable
