#!/bin/sh
# Makes one Redis Cluster of the nodes that it is given, all of them primaries; where there is one already, it joins
# them again, as their addresses may have changed since:
#
#     create-cluster.sh valkey-1:6379 valkey-2:6379 valkey-3:6379     (or HOST:PORT@BUS-PORT)
#
# It may be run again at any time.
set -eu

cli=${CLI:-valkey-cli}
slots=16384

host() { echo "${1%%:*}"; }
port() { rest=${1#*:}; echo "${rest%%@*}"; }
bus_port() {
  case $1 in
    *@*) echo "${1#*@}" ;;
    *) echo $(($(port "$1") + 10000)) ;;
  esac
}

# Runs a command at a node; fails when the node says no.
at() {
  node=$1
  shift
  "$cli" -e -h "$(host "$node")" -p "$(port "$node")" "$@"
}

# A node takes nothing but an address for another one.
address() { getent hosts "$(host "$1")" | awk '{ print $1; exit }'; }

says() { at "$1" cluster info | tr -d '\r' | grep -qx "$2"; }

wait_for() {
  tries=60
  until "$@"; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
      echo "create-cluster: gave up waiting for: $*" >&2
      exit 1
    fi
    sleep 1
  done
}

for node in "$@"; do
  wait_for at "$node" ping
done

first=$1
index=0
for node in "$@"; do
  from=$((index * slots / $#))
  index=$((index + 1))
  to=$((index * slots / $# - 1))
  if says "$node" cluster_slots_assigned:0; then
    at "$node" cluster addslotsrange "$from" "$to"
  fi
  if [ "$node" != "$first" ]; then
    at "$first" cluster meet "$(address "$node")" "$(port "$node")" "$(bus_port "$node")"
  fi
done

for node in "$@"; do
  wait_for says "$node" cluster_state:ok
  wait_for says "$node" "cluster_known_nodes:$#"
done
echo "create-cluster: $# nodes serve $slots slots"
