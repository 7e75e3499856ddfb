#!/bin/bash
# The host's firewall by UFW: nothing comes in but SSH, HTTP and HTTPS; the API and the database from private nets alone.
#
#   sudo deploy/firewall/setup_firewall.sh [--dry-run] [--yes] [--docker]
#        [--ssh-port 22] [--api-port 8000] [--api-from 10.0.0.0/8] [--db-port 27017] [--db-from 10.0.1.0/24]
#   sudo deploy/firewall/setup_firewall.sh --undo
#
# It starts from nothing (`ufw reset`), so it may be run again at any time, and the outcome is the same. What was there
# is kept in a folder that it names; --undo puts the newest one back. It asks before it closes the port of an SSH server
# or session; --yes answers for you. --docker also closes the way past UFW that a published port of a container takes.
set -Eeuo pipefail
export PATH=/usr/sbin:/sbin:$PATH LC_ALL=C

ssh_port=22 api_port=8000 api_from=10.0.0.0/8 db_port=27017 db_from=10.0.1.0/24
dry_run=false yes=false docker=false undo=false
backups=/var/backups/twinkeep-firewall
begin='# BEGIN of Twinkeep: published ports of containers' end='# END of Twinkeep'

fail() { echo "setup_firewall.sh: $1" >&2; exit "${2:-1}"; }

port() {
  if [[ ! $1 =~ ^[1-9][0-9]{0,4}$ ]] || (($1 > 65535)); then fail "not a port: $1" 64; fi
}

# Nothing that opens to everybody: that would not be a private net.
net() {
  local octet='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
  [[ $1 =~ ^$octet(\.$octet){3}(/([1-9]|[12][0-9]|3[0-2]))?$ ]] || fail "not a net: $1" 64
}

while (($# > 0)); do
  case $1 in
    --dry-run) dry_run=true ;;
    --yes) yes=true ;;
    --docker) docker=true ;;
    --undo) undo=true ;;
    --ssh-port | --api-port | --db-port)
      port "${2-}"
      name=${1#--}; printf -v "${name//-/_}" %s "$2"; shift ;;
    --api-from | --db-from)
      net "${2-}"
      name=${1#--}; printf -v "${name//-/_}" %s "$2"; shift ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail "not known: $1; see --help" 64 ;;
  esac
  shift
done

command -v ufw >/dev/null || fail 'ufw is not installed: apt-get install ufw'
$dry_run || ((EUID == 0)) || fail 'only root may set up a firewall; run it by sudo, or with --dry-run'

run() {
  echo "+ $*"
  $dry_run || "$@" >/dev/null
}

# Words of a command that may have been answered already.
confirm() {
  echo "$1"
  if $dry_run || $yes; then return; fi
  local answer=''
  { read -r -p 'Go on? [y/N] ' answer </dev/tty; } 2>/dev/null || fail 'nobody is there to answer; nothing is changed'
  [[ $answer == [yY] ]] || fail 'nothing is changed'
}

# Ports that somebody may sit behind: the SSH server's own, and that of this very session.
ssh_ports_in_use() {
  if command -v sshd >/dev/null; then sshd -T 2>/dev/null | awk '$1 == "port" { print $2 }' || true; fi
  awk '{ print $4 }' <<<"${SSH_CONNECTION-}"
}

save() {
  # Numbered by time and process, so that the newest sorts last and none takes another's place.
  kept=$backups/$(date -u +%Y%m%dT%H%M%SZ)-$$
  echo "+ keep what is there in $kept"
  $dry_run && return
  mkdir -p "$kept"
  chmod 0700 "$backups" "$kept"
  cp -a /etc/ufw "$kept/ufw"
  cp -a /etc/default/ufw "$kept/default"
}

# UFW's own state is these files: whether it is on stands in ufw.conf.
restore() {
  ufw --force disable >/dev/null || true
  rm -rf /etc/ufw.twinkeep
  cp -a "$1/ufw" /etc/ufw.twinkeep
  cp -a /etc/ufw.twinkeep/. /etc/ufw/
  rm -rf /etc/ufw.twinkeep
  cp -a "$1/default" /etc/default/ufw
  open_docker
  if grep -qx 'ENABLED=yes' /etc/ufw/ufw.conf; then ufw --force enable >/dev/null; fi
}

# Docker asks this chain first; one that only returns is what Docker itself makes.
open_docker() {
  local tables
  for tables in iptables ip6tables; do
    if "$tables" -n -L DOCKER-USER >/dev/null 2>&1; then
      "$tables" -F DOCKER-USER
      "$tables" -A DOCKER-USER -j RETURN
    fi
  done
}

docker_rules() {
  local from_api=$1 from_db=$2
  echo "$begin"
  echo '*filter'
  echo ':DOCKER-USER - [0:0]'
  echo '-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN'
  echo '-A DOCKER-USER -p tcp -m conntrack --ctorigdstport 80 -j RETURN'
  echo '-A DOCKER-USER -p tcp -m conntrack --ctorigdstport 443 -j RETURN'
  [[ -z $from_api ]] || echo "-A DOCKER-USER -s $from_api -p tcp -m conntrack --ctorigdstport $api_port -j RETURN"
  [[ -z $from_db ]] || echo "-A DOCKER-USER -s $from_db -p tcp -m conntrack --ctorigdstport $db_port -j RETURN"
  # Whatever else was turned to a container by a published port.
  echo '-A DOCKER-USER -m conntrack --ctstate DNAT -j DROP'
  echo '-A DOCKER-USER -j RETURN'
  echo 'COMMIT'
  echo "$end"
}

close_docker() {
  echo '+ rules for published ports of containers in /etc/ufw/after.rules and after6.rules'
  $dry_run && { docker_rules "$api_from" "$db_from"; return; }
  docker_rules "$api_from" "$db_from" >>/etc/ufw/after.rules
  docker_rules '' '' >>/etc/ufw/after6.rules
}

if $undo; then
  newest=$(find "$backups" -mindepth 1 -maxdepth 1 -type d -not -name '.*' 2>/dev/null | sort | tail -n 1)
  [[ -n $newest ]] || fail "nothing to go back to: $backups has nothing"
  confirm "This puts back the firewall that is kept in $newest."
  echo "+ put back $newest"
  $dry_run && exit 0
  restore "$newest"
  mv "$newest" "$backups/.undone-${newest##*/}"
  ufw status verbose
  exit 0
fi

for used in $(ssh_ports_in_use | sort -un); do
  if [[ $used != "$ssh_port" ]]; then
    confirm "SSH listens on port $used, and $ssh_port will be open: you may lock yourself out. Use --ssh-port $used."
  fi
done
confirm "This replaces all rules of UFW by: in: $ssh_port, 80, 443; $api_port from $api_from; $db_port from $db_from."

save
if ! $dry_run; then trap 'trap - ERR INT TERM; echo "setup_firewall.sh: failed; putting back what was there" >&2; restore "$kept"; exit 1' ERR INT TERM; fi
run ufw --force reset
if ! $dry_run; then
  for rules in /etc/ufw/after.rules /etc/ufw/after6.rules; do sed -i "/^$begin\$/,/^$end\$/d" "$rules"; done
fi
run ufw default deny incoming
run ufw default allow outgoing
run ufw default deny routed
run ufw allow "$ssh_port/tcp" comment 'SSH'
run ufw allow 80/tcp comment 'HTTP, sent on to HTTPS'
run ufw allow 443/tcp comment 'HTTPS'
run ufw allow from "$api_from" to any port "$api_port" proto tcp comment 'API'
run ufw allow from "$db_from" to any port "$db_port" proto tcp comment 'database'
if $docker; then close_docker; fi
run ufw logging low
run ufw --force enable
if ! $docker && command -v docker >/dev/null; then
  echo 'Docker is on this host: ports that containers publish go past these rules. Publish on private addresses, or use --docker.'
fi
$dry_run || ufw status verbose
