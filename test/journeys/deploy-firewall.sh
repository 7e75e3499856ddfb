#!/bin/bash
# Run by deploy-firewall.test.ts in a network of its own (unshare --net --mount): sets up the firewall for real, and prints
# who reaches what from outside. $1: the script or the nftables file. $2: the Node that knocks.
set -euo pipefail
subject=$1 node=$2
here=$(cd "$(dirname "$0")" && pwd)
ground=$(mktemp -d)

# UFW writes to the system's own files: here to copies that are gone with this mount namespace.
mount --make-rprivate /
mkdir "$ground/backups"
cp -a /etc/ufw "$ground/ufw"
cp -a /etc/default/ufw "$ground/default"
mount --bind "$ground/ufw" /etc/ufw
mount --bind "$ground/default" /etc/default/ufw
mount --bind "$ground/backups" /var/backups
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; umount /etc/ufw /etc/default/ufw /var/backups; rm -rf "$ground"' EXIT

# A cable each to a client, who has an address in every net that counts, and to what stands for a container.
apart() { unshare --net sleep 300 & pids+=($!); sleep 0.3; }
ip link set lo up
apart; client=$!
apart; container=$!
ip link add out type veth peer name in netns "$client"
ip addr add 10.0.0.1/8 dev out
ip addr add 192.0.2.1/24 dev out
ip link set out up
nsenter --net="/proc/$client/ns/net" bash -c 'ip addr add 10.9.9.9/8 dev in; ip addr add 10.0.1.9/8 dev in
  ip addr add 192.0.2.9/24 dev in; ip link set in up; ip link set lo up'
ip link add br-twin type veth peer name eth0 netns "$container"
ip addr add 172.18.0.1/24 dev br-twin
ip link set br-twin up
nsenter --net="/proc/$container/ns/net" bash -c 'ip addr add 172.18.0.2/24 dev eth0; ip link set eth0 up
  ip route add default via 172.18.0.1'

listen() { "$@" "$node" "$here/deploy-firewall-ports.ts" listen 22 2222 80 443 8000 27017 9000 >/dev/null & pids+=($!); }
listen
listen nsenter --net="/proc/$container/ns/net"
sleep 1
knock() {
  echo "== $1"
  nsenter --net="/proc/$client/ns/net" "$node" "$here/deploy-firewall-ports.ts" knock "$2"
}

# As Docker does: the port is turned to the container, and asked of DOCKER-USER before it is let through.
publish() {
  echo 1 >/proc/sys/net/ipv4/ip_forward
  local port
  for port in 8000 9000 443; do iptables -t nat -A PREROUTING -d 192.0.2.1,10.0.0.1 -p tcp --dport "$port" -j DNAT --to "172.18.0.2:$port"; done
  iptables -N DOCKER-USER 2>/dev/null || true
  iptables -I FORWARD -o br-twin -m conntrack --ctstate DNAT -j ACCEPT
  iptables -I FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  iptables -I FORWARD -j DOCKER-USER
}

knock before all
if [[ $subject == *.conf ]]; then
  nft -f "$subject"
  knock set all
  nft -f "$subject"
  knock again all
  publish
  knock published all
  nft delete table inet twinkeep
  knock undone all
  exit
fi
"$subject" --yes >/dev/null
knock set all
ufw show added >"$ground/first"
"$subject" --yes >/dev/null
ufw show added | diff "$ground/first" - && echo '== the same again'
publish
knock published all
"$subject" --yes --docker --ssh-port 2222 >/dev/null
knock docker all
"$subject" --undo --yes >/dev/null
"$subject" --undo --yes >/dev/null
"$subject" --undo --yes >/dev/null
echo "== undone"
ufw status
if "$subject" --undo --yes 2>/dev/null; then echo 'undone once too often'; fi
echo '== unasked'
SSH_CONNECTION='192.0.2.9 50000 192.0.2.1 22' setsid "$subject" --ssh-port 2222 </dev/null 2>&1 || echo "ended with $?"
ufw status
