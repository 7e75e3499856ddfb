#!/bin/bash
# Run by image.test.ts in mounts and a network of its own (unshare --net --mount): does the steps of deploy/Dockerfile in a
# folder that stands for the image, and starts what comes of it as a container would.
# $1: an empty folder. $2: the Node of the image. $3: a shell file with the steps, which also says who runs, how it is
# started, probed and stopped, and with which environment.
# shellcheck disable=SC2154
set -euo pipefail
root=$1 node=$2 steps=$3
export PATH=/usr/sbin:/sbin:$PATH

mount --make-rprivate /
# A system as in the base image: programs to read, a Node with its npm, a user `node`, and nothing else of this host.
mkdir -p "$root"/{usr,etc,proc,dev,tmp,run,var/log,root,opt}
chmod 1777 "$root/tmp"
for name in bin sbin lib lib64; do if [[ -L /$name ]]; then ln -s "$(readlink "/$name")" "$root/$name"; fi; done
mount --rbind /usr "$root/usr"
mount -o remount,bind,ro "$root/usr"
mount -t tmpfs -o mode=0755 tmpfs "$root/usr/local"
mkdir -p "$root/usr/local/bin" "$root/usr/local/lib/node_modules/npm"
cp "$node" "$root/usr/local/bin/node"
touch "$root/usr/local/bin/npm" "$root/usr/local/bin/npx"
mount --bind /proc "$root/proc"
touch "$root/dev/null" "$root/dev/urandom"
mount --bind /dev/null "$root/dev/null"
mount --bind /dev/urandom "$root/dev/urandom"
echo 'root:x:0:0::/root:/bin/sh' >"$root/etc/passwd"
echo 'node:x:1000:1000::/home/node:/bin/sh' >>"$root/etc/passwd"
printf 'root:x:0:\nnode:x:1000:\n' >"$root/etc/group"
printf 'root:*::0:99999:7:::\nnode:*::0:99999:7:::\n' >"$root/etc/shadow"
cp /etc/login.defs "$root/etc/"
if [[ -d /etc/alternatives ]]; then cp -a /etc/alternatives "$root/etc/"; fi

path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
inside() { env -i PATH=$path chroot "$root" /bin/sh -c "cd $1 && $2"; }
# Like COPY: a folder's content, or files into a folder.
copy() {
  local to=$root$1 from
  shift
  for from in "$@"; do
    if [[ -d $from && $# == 1 ]]; then mkdir -p "$to" && cp -R "$from/." "$to/"; else mkdir -p "$to" && cp "$from" "$to/"; fi
  done
}
# shellcheck source=/dev/null
source "$steps"

echo '== files'
(cd "$root" && find app -type d -printf '%m\n' | sort | uniq -c)
(cd "$root" && find app -type f -perm /111 -printf '%p\n')
echo '== owners'
(cd "$root" && find app -printf '%U:%G\n' | sort -u)
echo '== left'
(cd "$root" && find app -name '*.md' -not -iname 'licen[cs]e*' -not -iname 'notice*' -o -name '*.test.ts' -o -name '*.contract.ts' -o -name '.env*' -o -name 'tests' -o -name 'node-linux-*')
find "$root/usr/local" -mindepth 1 -printf '%P\n' | sort
echo '== size'
du -sm "$root/app" | cut -f1

# As a container: read-only but for its volumes, nobody in particular, no new rights, a network of its own.
mkdir "$root.run"
mount --rbind "$root" "$root.run"
mount -o remount,bind,ro "$root.run"
mount -o remount,bind,ro "$root.run/usr/local"
mount -t tmpfs -o mode=0700,uid=10001,gid=10001 tmpfs "$root.run/data"
mount -t tmpfs -o mode=1777 tmpfs "$root.run/tmp"
ip link set lo up
as_container() {
  exec setpriv --no-new-privs chroot --userspec="$user" --groups="${user#*:}" "$root.run" env -i "PATH=$path" "${environment[@]}" "$@"
}
(as_container "${entrypoint[@]}" "${command[@]}" 2>"$root.log") &
server=$! # one process all the way, for each of them becomes the next
trap 'kill -KILL "$server" 2>/dev/null || true' EXIT
for _ in {1..100}; do if grep -q '"listening"' "$root.log"; then break; fi; sleep 0.1; done
echo '== probed'
started=$(date +%s%N)
(as_container "${probe[@]}") && echo "after $((($(date +%s%N) - started) / 1000000)) ms"
echo '== rights'
grep -E '^(Uid|Gid|CapEff|CapBnd|NoNewPrivs):' "/proc/$server/status" | tr '\t' ' '
echo '== written'
for place in /app/src/x /app/bin/twinkeep /usr/local/bin/x /etc/x /data/x /tmp/x; do
  (as_container /bin/sh -c "(: >>$place) 2>/dev/null && echo $place") || true
done
echo '== stopped'
kill "-$signal" "$server"
(sleep 20; kill -KILL "$server") >/dev/null 2>&1 &
late=$!
wait "$server" && echo 'with 0'
kill "$late" 2>/dev/null || true
if (as_container "${probe[@]}" 2>/dev/null); then echo 'and yet it is healthy'; fi
echo '== log'
cat "$root.log"
