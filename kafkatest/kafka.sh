#!/usr/bin/env bash
# Apache Kafka for tests: one or more nodes (KRaft) on 127.0.0.1, from Maven
# jars. No container, no installation.
#
#   kafka.sh install           a JDK, Maven and openssl, by apt-get, if one is missing
#   kafka.sh jars              download the jars into KAFKA_JARS
#   kafka.sh start [--nodes N] [--port P] [--heap MB] [--sasl] [--set KEY=VALUE]... [--owner PID]
#   kafka.sh wait | brokers | status | stop | wipe
#   kafka.sh kill ID | term ID | resume ID      one node: SIGKILL, SIGTERM, start again on its log
#   kafka.sh tool CLASS ARG...                  org.apache.kafka.tools.CLASS
#   kafka.sh run COMMAND...                     a node of its own, COMMAND with TARE_KAFKA and TARE_KAFKA_TEST=1, wipe
#
# start leaves a running cluster alone and brings a stopped one back with its
# data; it prints the brokers. wipe ends it and removes everything of it. With
# --owner, that happens by itself when process PID is gone.
#
# Node i listens on P+i-1, its controller on P+100+i, and with --sasl TLS on
# P+200+i: user tare, password secret, PLAIN or SCRAM-SHA-256 or SCRAM-SHA-512;
# and on P+300+i: TLS for clients with a certificate, such as client.pem and
# client.key in KAFKA_DIR. The authority is ca.pem there. Without --port a free
# range is picked.
#
# KAFKA_DIR   the cluster's folder; /tmp/tare-kafka-UID
# KAFKA_JARS  the jars' folder; .cache/kafka beside this folder
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
self=$here/$(basename "${BASH_SOURCE[0]}")
cache=${KAFKA_JARS:-$(dirname "$here")/.cache/kafka}
dir=${KAFKA_DIR:-${TMPDIR:-/tmp}/tare-kafka-$UID}

die() {
	echo "kafka.sh: $*" >&2
	exit 1
}

usage() {
	sed -n '/^#   /s/^# *//p' "$self" >&2
	exit 2
}

# Downloads are tried three times.
try() { "$@" || { sleep 5 && "$@"; } || { sleep 20 && "$@"; }; }

# --- what a cluster is made of

install_java() {
	type java mvn openssl >/dev/null 2>&1 && return
	command -v apt-get >/dev/null || die 'no java, mvn or openssl here, and no apt-get: install a JDK 17 or newer, Maven and OpenSSL 3'
	local sudo=()
	((UID == 0)) || sudo=(sudo)
	try "${sudo[@]}" apt-get update -q
	try "${sudo[@]}" apt-get install -q -y --no-install-recommends openjdk-17-jdk-headless maven openssl
}

download() { # download broker|tools: once
	[[ -f $cache/$1/complete ]] && return
	command -v mvn >/dev/null || die 'no mvn here: run kafka.sh install'
	rm -rf "${cache:?}/$1" "$cache/$1.part"
	mkdir -p "$cache/$1.part"
	try mvn -q -B -f "$here/pom.xml" "-P$1" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$cache/$1.part"
	touch "$cache/$1.part/complete"
	mv "$cache/$1.part" "$cache/$1"
}

jars() { # jars broker|tools: their folder
	[[ -f $cache/$1/complete ]] || die "no jars in $cache/$1: run make kafka-jars"
	echo "$cache/$1"
}

# --- before the first start

# free and range look at ports only; another process may be faster, and then
# the node's log says so.
free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

range_free() { # range_free BASE
	local i
	for ((i = 1; i <= nodes; i++)); do
		free $(($1 + i - 1)) && free $(($1 + 100 + i)) && free $(($1 + 200 + i)) && free $(($1 + 300 + i)) || return 1
	done
}

pick_port() {
	local base
	for _ in {1..50}; do
		base=$((20000 + RANDOM % 10000))
		range_free "$base" && echo "$base" && return
	done
	die 'found no free range of ports in 50 tries: give --port'
}

certificates() { # an authority, and what it has signed: the nodes' and a client's
	local name new=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650)
	"${new[@]}" -subj /CN=authority -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
	for name in node client; do
		"${new[@]}" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -subj "/CN=$name" -addext subjectAltName=IP:127.0.0.1,DNS:localhost \
			-keyout "$dir/$name.key" -out "$dir/$name.pem" 2>/dev/null
	done
	cat "$dir/node.key" "$dir/node.pem" >"$dir/keystore.pem"
}

properties() { # properties ID
	local id=$1 i voters='' copies=$((nodes < 3 ? nodes : 3)) insync=$((nodes < 3 ? 1 : 2))
	local listeners=PLAINTEXT://127.0.0.1:$((port + id - 1)) protocols=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
	for ((i = 1; i <= nodes; i++)); do voters+=${voters:+,}$i@127.0.0.1:$((port + 100 + i)); done
	[[ $sasl ]] && listeners+=,SASL_SSL://127.0.0.1:$((port + 200 + id)),MUTUAL://127.0.0.1:$((port + 300 + id)) protocols+=,SASL_SSL:SASL_SSL,MUTUAL:SSL
	cat <<-END
		process.roles=broker,controller
		node.id=$id
		controller.quorum.voters=$voters
		listeners=$listeners,CONTROLLER://127.0.0.1:$((port + 100 + id))
		advertised.listeners=$listeners
		listener.security.protocol.map=$protocols
		controller.listener.names=CONTROLLER
		inter.broker.listener.name=PLAINTEXT
		log.dirs=$dir/$id/data
		default.replication.factor=$copies
		min.insync.replicas=$insync
		offsets.topic.replication.factor=$copies
		offsets.topic.num.partitions=4
		transaction.state.log.replication.factor=$copies
		transaction.state.log.min.isr=$insync
		transaction.state.log.num.partitions=4
		share.coordinator.state.topic.replication.factor=$copies
		share.coordinator.state.topic.min.isr=$insync
		group.initial.rebalance.delay.ms=0
		auto.create.topics.enable=false
		num.network.threads=2
		num.io.threads=4
		log.cleaner.dedupe.buffer.size=33554432
	END
	[[ $sasl ]] && cat <<-END
		ssl.keystore.type=PEM
		ssl.keystore.location=$dir/keystore.pem
		ssl.truststore.type=PEM
		ssl.truststore.location=$dir/ca.pem
		listener.name.mutual.ssl.client.auth=required
		sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
		listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_tare="secret";
		listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
		listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
	END
	((${#sets[@]} == 0)) || printf '%s\n' "${sets[@]}"
}

format() { # the properties and the log folder of every node
	local id cluster users=()
	port=${port:-$(pick_port)}
	mkdir -p "$dir"
	echo "$nodes" >"$dir/nodes"
	echo "$port" >"$dir/port"
	echo "$heap" >"$dir/heap"
	if [[ $sasl ]]; then
		certificates
		users=(--add-scram 'SCRAM-SHA-256=[name=tare,password=secret]' --add-scram 'SCRAM-SHA-512=[name=tare,password=secret]')
	fi
	cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' AB | cut -c1-22)
	for id in $(ids); do
		mkdir -p "$dir/$id"
		properties "$id" >"$dir/$id/server.properties"
		java -Xmx128m -XX:TieredStopAtLevel=1 -cp "$(jars broker)/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
			kafka.tools.StorageTool format -t "$cluster" -c "$dir/$id/server.properties" "${users[@]}" >"$dir/$id/format.log" 2>&1 ||
			die "format of node $id failed: $(tail -n 3 "$dir/$id/format.log")"
	done
	touch "$dir/formatted"
}

# --- nodes

ids() { seq 1 "$(cat "$dir/nodes" 2>/dev/null || echo 0)"; }

# A process that has the pid but not the node's properties is another one.
alive() { [[ -f $dir/$1/pid && $(ps -o args= -p "$(<"$dir/$1/pid")" 2>/dev/null) == *" $dir/$1/server.properties"* ]]; }

launch() { # launch ID
	alive "$1" && return
	local heap pid log=$dir/$1/server.log
	heap=$(<"$dir/heap")
	[[ ! -f $log ]] || mv "$log" "$log.old"
	nohup setsid java "-Xmx${heap}m" "-Xms${heap}m" -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError -cp "$(jars broker)/*" \
		-Dorg.slf4j.simpleLogger.showDateTime=true kafka.Kafka "$dir/$1/server.properties" >"$log" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >"$dir/$1/pid"
	until alive "$1" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

ready() { # ready ID: this run's log says so, and the port answers
	local n=0 log=$dir/$1/server.log plain=$(($(<"$dir/port") + $1 - 1))
	until grep -qs 'Kafka Server started' "$log" && ! free "$plain"; do
		alive "$1" || die "node $1 died: $(tail -n 5 "$log")"
		((n++ < 900)) || die "node $1 is not ready after 90 s: see $log"
		sleep 0.1
	done
}

halt() { # halt SIGNAL ID: SIGKILL follows after 15 s
	alive "$2" || return 0
	local n=0 pid
	pid=$(<"$dir/$2/pid")
	kill "-$1" "$pid"
	while alive "$2"; do
		((n++ != 150)) || kill -KILL "$pid" 2>/dev/null || true
		sleep 0.1
	done
	rm -f "$dir/$2/pid"
}

each() { # each COMMAND...: on every node at once
	local id pids=()
	for id in $(ids); do
		"$@" "$id" &
		pids+=($!)
	done
	for id in "${pids[@]}"; do wait "$id"; done
}

brokers() {
	local id list=
	for id in $(ids); do list+=${list:+,}127.0.0.1:$(($(<"$dir/port") + id - 1)); done
	echo "$list"
}

state() { if alive "$1"; then echo "$1 runs as $(<"$dir/$1/pid")"; else echo "$1 is down"; fi; }

wipe() {
	each halt KILL
	[[ ! -f $dir/nodes ]] || rm -rf "$dir"
}

# --- the cluster's owner

# birth PID: when it was started; nothing if it is gone, or dead and not yet
# waited for.
birth() { ps -o stat= -o lstart= -p "$1" 2>/dev/null | awk '$1 !~ /^Z/ { $1 = ""; print }'; }

guard() { # guard PID: waits for its end, then wipes
	local born
	born=$(birth "$1")
	while [[ -f $dir/formatted && $born && $(birth "$1") == "$born" ]]; do sleep 1; done
	wipe
}

start() {
	[[ -f $dir/formatted ]] || format
	local id
	if [[ $owner ]]; then
		KAFKA_DIR=$dir nohup setsid bash "$self" guard "$owner" >/dev/null 2>&1 </dev/null &
	fi
	for id in $(ids); do launch "$id"; done
	for id in $(ids); do ready "$id"; done
	brokers
}

run() {
	local status=0
	dir=$(mktemp -d "${TMPDIR:-/tmp}/tare-kafka.XXXXXX")
	trap wipe EXIT
	owner=$$
	start >/dev/null
	KAFKA_DIR=$dir TARE_KAFKA=$(brokers) TARE_KAFKA_TEST=1 "$@" || status=$?
	exit "$status"
}

verb=${1:-} nodes=1 port='' heap=384 sasl='' owner='' sets=()
(($# == 0)) || shift
while [[ $verb == start ]] && (($#)); do
	case $1 in
	--sasl) sasl=1 && shift && continue ;;
	--nodes | --port | --heap | --set | --owner) (($# > 1)) || die "$1 wants a value" ;;
	*) die "unknown option $1" ;;
	esac
	case $1 in
	--nodes) nodes=$2 ;;
	--port) port=$2 ;;
	--heap) heap=$2 ;;
	--set) sets+=("$2") ;;
	--owner) owner=$2 ;;
	esac
	shift 2
done

case $verb/$# in
install/0) install_java ;;
jars/0) download broker && download tools ;;
start/0) start ;;
wait/0) for id in $(ids); do ready "$id"; done ;;
brokers/0) brokers ;;
status/0) for id in $(ids); do state "$id"; done ;;
stop/0) each halt TERM ;;
wipe/0) wipe ;;
kill/1) halt KILL "$1" ;;
term/1) halt TERM "$1" ;;
resume/1) launch "$1" && ready "$1" ;;
guard/1) guard "$1" ;;
tool/0 | run/0) usage ;;
tool/*)
	exec java -Xmx256m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
		-cp "$(jars tools)/*" "org.apache.kafka.tools.$1" "${@:2}"
	;;
run/*) run "$@" ;;
*) usage ;;
esac
