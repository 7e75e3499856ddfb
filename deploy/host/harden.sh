#!/bin/bash
# Looks at, or sees to, what a host under Twinkeep should be: patched, without services that nobody uses, SSH by key alone.
#
#   sudo deploy/host/harden.sh                                  says what is so and what is not; changes nothing
#   sudo deploy/host/harden.sh --apply [--keep nginx] [--yes]   sees to it; --dry-run shows what that would be
#   sudo deploy/host/harden.sh --undo                           takes back what --apply did
#
# Services that are switched off: apache2 and nginx (the proxy in front of Twinkeep is kept by --keep nginx).
# It ends with 0 when all is so, 1 when something is not, 64 when it was called wrongly.
set -euo pipefail
export PATH=/usr/sbin:/sbin:$PATH LC_ALL=C

mode=check yes=false keep=' '
ssh_file=/etc/ssh/sshd_config.d/00-twinkeep.conf
apt_file=/etc/apt/apt.conf.d/52-twinkeep-patching
done_file=/var/lib/twinkeep-harden/disabled
mongod_file=/etc/mongod.conf
unused=(apache2 nginx)
missing=0

fail() { echo "harden.sh: $1" >&2; exit "${2:-1}"; }
while (($# > 0)); do
  case $1 in
    --apply) mode=apply ;;
    --dry-run) mode=dry-run ;;
    --undo) mode=undo ;;
    --yes) yes=true ;;
    --keep) keep+="${2:?--keep needs a service} "; shift ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "not known: $1; see --help" 64 ;;
  esac
  shift
done
[[ $mode == check || $mode == dry-run ]] || ((EUID == 0)) || fail 'only root may change a host; run it by sudo, or without --apply'

ssh_settings() {
  cat <<'SSH'
# From Twinkeep's deploy/host/harden.sh; --undo removes it.
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitEmptyPasswords no
PubkeyAuthentication yes
AuthenticationMethods publickey
MaxAuthTries 3
X11Forwarding no
SSH
}

apt_settings() {
  cat <<'APT'
// From Twinkeep's deploy/host/harden.sh; --undo removes it.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT
}

good() { echo "ok    $1"; }
bad() { echo "NOT   $1"; missing=1; }

# $1: what must be so; the rest: a command that succeeds when it is.
expect() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then good "$what"; else bad "$what"; fi
}

# shellcheck disable=SC2317 # `expect` calls the next four
is_ssh() { grep -qix "$1" <<<"$ssh_now"; }
is_off() { ! systemctl is-enabled --quiet "$1" 2>/dev/null && ! systemctl is-active --quiet "$1" 2>/dev/null; }
# shellcheck disable=SC2317
apt_says() { grep -qx "$1" <<<"$(apt-config dump)"; }
# shellcheck disable=SC2317
# A key and its value anywhere in mongod.conf, as YAML has them.
mongod_says() { grep -Eq "^[[:space:]]*$1:[[:space:]]*$2[[:space:]]*(#.*)?$" "$mongod_file"; }

check() {
  local service setting
  if command -v sshd >/dev/null; then
    ssh_now=$(sshd -T) || bad 'SSH: the settings of the server cannot be read'
    for setting in 'permitrootlogin no' 'passwordauthentication no' 'kbdinteractiveauthentication no' \
      'permitemptypasswords no' 'pubkeyauthentication yes'; do
      expect "SSH: $setting" is_ssh "$setting"
    done
  else
    good 'SSH: there is no server'
  fi
  for service in "${unused[@]}"; do
    [[ $keep == *" $service "* ]] && continue
    expect "$service is off" is_off "$service"
  done
  expect 'patches are looked for every day' apt_says 'APT::Periodic::Update-Package-Lists "1";'
  expect 'patches are installed every day' apt_says 'APT::Periodic::Unattended-Upgrade "1";'
  expect 'the program that installs them is there' test -x /usr/bin/unattended-upgrade
  if [[ -e $mongod_file ]]; then
    expect 'MongoDB: on loopback alone' mongod_says bindIp '"?(127\.0\.0\.1|localhost)"?'
    expect 'MongoDB: nobody without signing in' mongod_says authorization '"?enabled"?'
    expect 'MongoDB: members know each other by a key file' mongod_says keyFile '[^ ]+'
    expect 'MongoDB: TLS alone' mongod_says mode '"?requireTLS"?'
    expect 'MongoDB: with a certificate' mongod_says certificateKeyFile '[^ ]+'
  fi
}

# Somebody who isn't root must have a key, or nobody gets in any more.
somebody_has_key() {
  local name home
  while IFS=: read -r name _ _ _ _ home _; do
    [[ $name != root && -s $home/.ssh/authorized_keys ]] && return 0
  done < <(getent passwd)
  return 1
}

run() {
  echo "+ $*"
  [[ $mode == dry-run ]] || "$@" >/dev/null
}

write() {
  echo "+ write $1"
  if [[ $mode == dry-run ]]; then sed 's/^/    /'; else install -D -m 0644 /dev/stdin "$1"; fi
}

apply() {
  local service
  if command -v sshd >/dev/null; then
    if ! somebody_has_key && ! $yes && [[ $mode != dry-run ]]; then
      fail 'no user but root has ~/.ssh/authorized_keys: nobody could sign in any more. Add a key first (--yes goes on all the same).'
    fi
    ssh_settings | write "$ssh_file"
    if [[ $mode != dry-run ]] && ! sshd -t; then
      rm -f "$ssh_file"
      fail 'sshd refuses the settings; they are taken back'
    fi
    reload_ssh
  fi
  for service in "${unused[@]}"; do
    if [[ $keep == *" $service "* ]] || is_off "$service"; then continue; fi
    run systemctl disable --now "$service"
    [[ $mode == dry-run ]] || { mkdir -p "${done_file%/*}"; echo "$service" >>"$done_file"; }
  done
  apt_settings | write "$apt_file"
  [[ -x /usr/bin/unattended-upgrade ]] || run apt-get install -y --no-install-recommends unattended-upgrades
  [[ $mode == dry-run ]] || check
}

reload_ssh() {
  if systemctl is-active --quiet ssh 2>/dev/null; then run systemctl reload ssh; fi
}

undo() {
  local service
  echo "+ remove $ssh_file $apt_file"
  rm -f "$ssh_file" "$apt_file"
  reload_ssh
  [[ -e $done_file ]] || return 0
  while read -r service; do run systemctl enable --now "$service"; done <"$done_file"
  rm -f "$done_file"
}

case $mode in
  check) check ;;
  undo) undo ;;
  *) apply ;;
esac
exit "$missing"
