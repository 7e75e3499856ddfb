#!/bin/sh
# Makes the secrets of the compose files, each once: what is there is kept, so it can be run again at any time.
#
#   sh deploy/secrets/make.sh [--self-signed HOST] [--out FOLDER]
#
# The folder is closed to everybody but its owner (0700), and the files in it are 0444: Compose mounts them as they are,
# and the users of the containers, who are not root, must be able to read them.
# Undo: remove the files. Without them, what was sealed under the master key can't be opened again.
set -eu
umask 077

out=$(cd "$(dirname "$0")" && pwd)
host=
while [ $# -gt 0 ]; do
  case $1 in
    --self-signed) host=${2:?--self-signed needs a host name}; shift 2 ;;
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    *) echo "make.sh: not known: $1" >&2; exit 64 ;;
  esac
done
case $host in *[!a-zA-Z0-9.-]*) echo "make.sh: not a host name: $host" >&2; exit 64 ;; esac

mkdir -p "$out/tls"
chmod 0700 "$out"
chmod 0755 "$out/tls"

# Writes standard input to a file that isn't there yet; whole or not at all.
keep() {
  if [ -e "$out/$1" ]; then
    cat >/dev/null
    echo "$1 is kept."
    return
  fi
  cat >"$out/$1.part"
  [ -s "$out/$1.part" ] || { rm -f "$out/$1.part"; echo "make.sh: $1 could not be made" >&2; exit 1; }
  chmod 0444 "$out/$1.part"
  mv "$out/$1.part" "$out/$1"
  echo "$1 is made."
}

random() { openssl rand -hex 32 | tr -d '\n'; }

printf %s ems_root | keep mongo_user.txt
random | keep mongo_password.txt
random | keep jwt_secret_key.txt
openssl rand -base64 32 | keep master_key.txt
random | keep postgres_password.txt
printf 'postgres://twinkeep:%s@postgres:5432/twinkeep' "$(cat "$out/postgres_password.txt")" | keep database_url.txt

if [ ! -e "$out/redis.conf" ]; then
  password=$(random)
  printf 'bind * -::*\nprotected-mode yes\nrequirepass %s\nsave ""\nappendonly no\nmaxmemory 192mb\nmaxmemory-policy noeviction\n' \
    "$password" | keep redis.conf
  printf 'redis://:%s@redis:6379/0' "$password" >"$out/redis_url.part"
  chmod 0444 "$out/redis_url.part"
  mv "$out/redis_url.part" "$out/redis_url.txt" # always that of the file beside it
fi

if [ -n "$host" ] && [ ! -e "$out/tls/privkey.pem" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj "/CN=$host" \
    -addext "subjectAltName=DNS:$host" -keyout "$out/tls/privkey.pem" -out "$out/tls/fullchain.pem" 2>/dev/null
  chmod 0444 "$out/tls/privkey.pem" "$out/tls/fullchain.pem"
  echo "tls/fullchain.pem for $host is made; no browser trusts it."
fi
