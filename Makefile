# Tests that need nothing but Go: go test ./...
# What needs more is here; each target installs what it needs into $(CACHE).

CACHE       ?= $(CURDIR)/.cache
VENV        := $(CACHE)/venv
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 30s
# The packages whose sums reach the artifact's bytes.
SUMS        := ./welford ./sketch ./scale ./frozen ./fit

.PHONY: check lint race bits fuzz demo-clone python bench memory downloads

check: lint race bits python

# Three tries for each download, into one folder.
try = $(1) || (sleep 5; $(1)) || (sleep 20; $(1))

downloads:
	$(call try,go mod download)
	$(call try,go run $(STATICCHECK) -version)
	python3 -m venv $(VENV)
	$(call try,$(VENV)/bin/pip install --quiet --cache-dir $(CACHE)/pip -r python/requirements-test.txt)

lint:
	@test -z "$$(gofmt -l .)" || { echo 'gofmt would change:'; gofmt -l .; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

# Runs all tests under the race detector, and holds the tests that were skipped
# against .ci/skips.txt.
race:
	@.ci/skips go test -race -shuffle=on -json ./...

# The pinned hashes of states, functions and artifacts must come out of builds
# for the oldest, for newer and for other processors (arm64, under qemu-user), and
# no product that feeds a sum may be fused with it.
bits: pinned
	GOAMD64=v3 go test $(SUMS) ./store ./cmd/tare

.PHONY: pinned
pinned:
	@.ci/pinned $(SUMS) ./store ./bench/accuracy
	@.ci/fused $(SUMS)

# Every bar of accuracy, measured in full: some minutes. It writes
# docs/accuracy.md and fails where a bar is missed.
.PHONY: accuracy
accuracy:
	go run ./bench/accuracy

fuzz:
	@.ci/fuzz $(FUZZTIME)

demo-clone:
	@.ci/demo

python:
	test -x $(VENV)/bin/python || $(MAKE) downloads
	$(VENV)/bin/python -m pytest -q python

# What has been measured goes to bench/results, with the machine and its load, and
# the table of docs/benchmarks.md is printed. BENCHTIME=0.2s is quicker.
RESULTS   := bench/results/$(shell date +%F)
BENCHTIME ?= 1s
BENCHMARK := go test -run '^$$' -benchmem -cpu 1 -count 6 -benchtime $(BENCHTIME) -timeout 60m
.PHONY: bench-growth bench-resident bench-python

bench:
	cd bench/peers/libraries && { $(call try,go mod download); }
	{ uname -srm && echo "$$(nproc) processors" && uptime && \
	  $(BENCHMARK) -bench . ./bench && \
	  cd bench/peers/libraries && $(BENCHMARK) -bench . . && uptime; } > $(RESULTS)-parts.txt
	go run ./bench/table < $(RESULTS)-parts.txt

# Cost over the records read and over the series, as two charts. A tenth:
# RECORDS=10000000 SERIES=100000.
RECORDS ?= 100000000
SERIES  ?= 1000000
bench-growth:
	go test -count=1 -timeout 120m -run TestGrowth -v ./bench -records $(RECORDS) -series $(SERIES) -save $(CURDIR)/$(RESULTS)-growth.txt
	go run ./bench/plot history < $(RESULTS)-growth.txt > docs/growth-history.svg
	go run ./bench/plot series < $(RESULTS)-growth.txt > docs/growth-series.svg

# 250,000 series with a digest on each of eight features: 4.5 GiB.
bench-resident:
	go test -count=1 -timeout 60m -run TestResident -v ./bench -resident 250000 > $(RESULTS)-resident.txt
	@cat $(RESULTS)-resident.txt

# Beside scikit-learn and River, which it installs.
bench-python:
	python3 -m venv $(CACHE)/peers
	$(call try,$(CACHE)/peers/bin/pip install --quiet --cache-dir $(CACHE)/pip -r bench/peers/python/requirements.txt)
	go build -o $(CACHE)/tare ./cmd/tare
	OMP_NUM_THREADS=1 $(CACHE)/peers/bin/python bench/peers/python/bench_peers.py $(CACHE)/tare > $(RESULTS)-python.txt
	@cat $(RESULTS)-python.txt

# The profile that go build takes for cmd/tare: both passes, in memory.
.PHONY: pgo
pgo:
	mkdir -p $(CACHE)
	go test -run '^$$' -bench 'Fit/tare|Transform/tare' -cpu 1 -benchtime 4s -cpuprofile $(CACHE)/passes.prof -o $(CACHE)/passes.test ./bench
	go tool pprof -proto $(CACHE)/passes.prof > cmd/tare/default.pgo

# Ten million records through both passes: the heap does not grow.
memory:
	TARE_LONG=1 go test -run TestFlatMemory -v ./bench

# Each of the 524,288 bits of a checkpoint of 64 KiB, turned over, is refused.
.PHONY: flips
flips:
	TARE_ALL=1 go test -count=1 -run TestCheckpointEveryBit -v ./store

# kill -9 at the n-th system call of a kind, KILLS times: docs/reliability.md.
KILLS ?= 1000

.PHONY: kill
kill:
	command -v strace || { $(call try,apt-get update && apt-get install -y strace); }
	TARE_KILL=1 TARE_KILLS=$(KILLS) go test -count=1 -timeout 60m -run TestRunKilledAtCall -v ./cmd/tare

# A real Apache Kafka: kafkatest/README.md. The jars are fetched once; a JDK and
# Maven too, if there are none.
export KAFKA_JARS ?= $(CACHE)/kafka

.PHONY: kafka-jars kafka-test bench-kafka

kafka-jars:
	kafkatest/kafka.sh install
	kafkatest/kafka.sh jars

# Packages whose tests ask for a real cluster, one after the other.
kafka-test:
	kafkatest/kafka.sh run go test -count=1 -p 1 ./internal/... ./sink ./stream ./cmd/tare

# BENCH=-quick takes a tenth of the records and two runs.
bench-kafka:
	cd bench/peers/plain && { $(call try,go mod download); }
	TARE_KAFKA_TEST=1 go test -count=1 -timeout 60m -run TestKafka -v ./bench/kafka $(BENCH)

# Names and help of the metrics, alert rules and their tests, scrape configuration.
.PHONY: metrics-test
metrics-test:
	.ci/promtool check metrics < metrics/testdata/scrape.txt
	.ci/promtool check rules deploy/prometheus/alerts.yml
	.ci/promtool test rules deploy/prometheus/alerts_test.yml
	.ci/promtool check config deploy/prometheus/prometheus.yml

# docs/coverage.md, from tests that pass.
.PHONY: coverage
coverage:
	test -x $(VENV)/bin/python || $(MAKE) downloads
	go run ./bench/coverage $(VENV)/bin/python
