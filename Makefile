# sshd-otel. `make` says what there is to make.

BIN := node_modules/.bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
STAMPS := .output/stamps
# Tests that trace a kernel are run one at a time: they look at the same clock.
# No --test-force-exit: a file that ends so loses what it has not said yet, and whole tests with it.
TEST_FLAGS := --test-concurrency=1 --test-timeout=300000
TESTS ?= "test/**/*.test.ts"

.PHONY: help setup build demo test live matrix lint typecheck format bench fuzz deb tar verify-deb verify-image verify-kernels test-bpftrace-versions manifests verify-kubernetes verify-collector verify-examples clean distclean
.DEFAULT_GOAL := help

help: ## this text
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  %-22s %s\n", $$1, $$2 }'

demo: setup build ## let real clients log in to a private sshd and draw every trace (root)
	@.ci/mount-tracefs
	@node agent/main.ts demo $(DEMO_ARGS)

test: setup build ## run all tests; those that trace the kernel need root, or say that they were skipped
	@node --test $(TEST_FLAGS) --test-reporter=spec --test-reporter-destination=stdout \
	  $(if $(TEST_RESULTS),--test-reporter=tap --test-reporter-destination=$(TEST_RESULTS)) $(TESTS)

live: setup build ## run only the tests that trace real logins (root)
	@.ci/mount-tracefs
	@node --test $(TEST_FLAGS) "test/live/**/*.test.ts" "test/ebpf/**/*.test.ts"

# The servers, 0.3 GB each, stay in ~/.cache/sshd-otel/servers (MATRIX_CACHE); a run that was stopped goes on.
matrix: setup build ## compare spans with witnesses on four OpenSSH versions (root, network; SERVER=10.0 SCENARIO=mux PRODUCER=libbpf MATRIX_JOBS=4)
	@.ci/mount-tracefs
	@node test/matrix/matrix.ts

build: setup ## compile the agent into dist/ and the libbpf producer into ebpf/.output/
	@$(MAKE) --no-print-directory -C ebpf
	@tsc -p tsconfig.json

lint: setup ## check style and forbidden imports
	@biome ci --error-on-warnings .

typecheck: setup ## check types of agent and tests
	@tsc -p tsconfig.json --noEmit
	@tsc -p tsconfig.test.json

format: setup ## rewrite sources in the project's style
	@biome check --write .

bench: setup build ## measure speed, memory, and what tracing costs the host (quiet machine, ten minutes; root for the last)
	@for file in decode spans export; do node test/bench/$$file.ts || exit 1; done
	@if [ "$$(id -u)" -ne 0 ]; then echo 'not measured, for want of root: kernel, login, pipeline'; exit 0; fi; \
	  .ci/mount-tracefs; for file in kernel login pipeline; do node test/bench/$$file.ts || exit 1; done

deb: setup ## build the Debian package into .output/packages/ (ARCH=arm64: needs gcc-aarch64-linux-gnu)
	@node deploy/package/deb.ts $(if $(ARCH),--arch $(ARCH))

tar: setup ## build the tar.gz with its install script into .output/packages/
	@node deploy/package/tar.ts $(if $(ARCH),--arch $(ARCH))

# Booted containers, each a minute and a half; their root folders, 0.4 GB each, stay in ~/.cache/sshd-otel/roots.
SUITES ?= bookworm,bullseye,trixie,sid
verify-deb: setup ## install, use, upgrade and purge the package on booted Debian 11, 12, 13 and sid (root, network)
	@for suite in $$(echo $(SUITES) | tr , ' '); do test/deploy/make-root.sh $$suite >/dev/null || exit 1; done
	@SSHD_OTEL_SUITES=$(SUITES) node --test $(TEST_FLAGS) --test-timeout=900000 \
	  test/deploy/debian.test.ts test/deploy/tar.test.ts test/deploy/boot-order.test.ts test/deploy/readme.test.ts

manifests: setup ## render the Helm chart to deploy/kubernetes/sshd-otel.yaml (golang-go, see .ci/packages)
	@node deploy/kubernetes/render.ts

verify-image: setup ## build the container image, run it with a DaemonSet's rights, log in (root, network; buildah podman runc)
	@SSHD_OTEL_IMAGE=build node --test $(TEST_FLAGS) --test-timeout=900000 test/deploy/image.test.ts

# Kubernetes and the Collector are compiled once from Debian's sources, five and two minutes; 0.5 GB stay in ~/.cache/sshd-otel.
verify-kubernetes: setup ## roll the chart out on a real cluster of one node, log in on the node (root, network; buildah podman golang-go)
	@test/deploy/cluster/build.sh
	@SSHD_OTEL_CLUSTER=run SSHD_OTEL_IMAGE=build node --test $(TEST_FLAGS) --test-timeout=900000 test/deploy/cluster/kubernetes.test.ts

verify-collector: setup ## send to a real OpenTelemetry Collector, also where it refuses and restarts (network)
	@test/deploy/collector/build.sh
	@SSHD_OTEL_COLLECTOR=run node --test $(TEST_FLAGS) --test-timeout=900000 "test/deploy/collector/*.test.ts"

TOOLS := $${XDG_CACHE_HOME:-$$HOME/.cache}/sshd-otel/tools
verify-examples: setup ## let docker-compose, a Collector and promtool read the examples and the metrics (root, network; buildah podman runc)
	@test/deploy/collector/build.sh
	@test/deploy/debian/packages.sh trixie "$(TOOLS)/compose" docker-compose
	@test/deploy/debian/packages.sh bookworm "$(TOOLS)/prometheus" prometheus
	@SSHD_OTEL_COMPOSE=run SSHD_OTEL_IMAGE=build node --test $(TEST_FLAGS) \
	  test/deploy/tools.test.ts test/deploy/compose.test.ts test/deploy/examples.test.ts test/deploy/dashboards.test.ts

# A kernel takes three minutes and more under emulation; they stay in /var/tmp/sshd-otel-kernels (SSHD_OTEL_KERNELS).
verify-kernels: setup build ## boot the kernels of Debian 11, 12, 13, sid and experimental under QEMU and trace in them (root, network; qemu-system-x86 busybox-static cpio; KERNELS="trixie sid")
	@node test/kernels/verify-kernels.ts $(KERNELS)

# Their folders, 0.8 GB each, stay in /var/tmp/sshd-otel-bpftrace (BPFTRACE_ROOTS).
test-bpftrace-versions: setup ## test the script with bpftrace 0.17, 0.23 and 0.27 (root, network, debootstrap; BPFTRACES="own trixie sid")
	@.ci/mount-tracefs
	@test/live/bpftrace-versions.sh $(BPFTRACES)

fuzz: setup ## ten minutes of made-up event streams (FUZZ_SECONDS)
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) node --test --test-timeout=7200000 "test/fuzz/**/*.test.ts"

clean: ## remove what was built
	@rm -rf dist
	@$(MAKE) --no-print-directory -C ebpf clean

distclean: clean ## remove what was built and downloaded
	@rm -rf node_modules .output

setup: $(STAMPS)/packages $(STAMPS)/npm ## install what is missing: Debian packages (root) and npm packages
	@:

$(STAMPS)/packages: .ci/packages
	@.ci/packages
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/npm: package.json package-lock.json | $(STAMPS)/packages
	@echo 'installing npm packages into node_modules'
	@npm ci --no-audit --no-fund --loglevel=error
	@mkdir -p $(STAMPS) && touch $@
