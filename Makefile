# Thin: each recipe is a few lines, the logic is in the programs.
# hwlocality asks pkg-config for the static set, so the link names udev, which nothing then uses.
PACKAGES := gcc libc6-dev pkg-config libhwloc-dev libudev-dev libopenblas-pthread-dev python3-pip
TEST_PACKAGES := squashfs-tools docker.io busybox-static minisign umoci skopeo docker-registry openssl debootstrap python3 \
	libopenblas0-pthread libopenblas0-openmp libopenblas0-serial libblis4-pthread libblis4-openmp libblas3
EXCHANGE_PACKAGES := git python3-venv hyperfine libbenchmark-tools
REPORT_PACKAGES := chromium fonts-dejavu-core python3 python3-pip
BENCH_PACKAGES := python3-venv squashfuse squashfs-tools debootstrap
CARGO ?= cargo
# The second OpenBLAS in bench.run, newer than Debian's. `make bench.run BLAS=` packs none.
BLAS := $(if $(filter x86_64,$(shell uname -m)),target/blas/libscipy_openblas.so)

.PHONY: run test article exchange-check report-check lint setup setup-test setup-exchange setup-report setup-bench speed start codec clean FORCE

run: bench.run
	./bench.run --size small

# Debian packages that are missing, by name; nothing is asked or changed when none is.
setup: WANTED = $(PACKAGES)
setup-test: WANTED = $(PACKAGES) $(TEST_PACKAGES)
setup-exchange: WANTED = $(EXCHANGE_PACKAGES)
setup-report: WANTED = $(REPORT_PACKAGES)
setup-bench: WANTED = $(BENCH_PACKAGES)
setup setup-test setup-exchange setup-report setup-bench:
	@./.ci/install-packages $(WANTED)

bench.run: target/release/bench target/release/bundle $(BLAS)
	target/release/bundle pack --force --exe target/release/bench $(BLAS:%=--library %) -o $@

target/blas/libscipy_openblas.so: .ci/fetch-openblas | setup
	.ci/fetch-openblas $@

# cargo knows what is out of date; make only needs to ask it.
target/release/bench target/release/bundle &: FORCE | setup
	$(CARGO) build --release -p harness -p bundle

FORCE:

test: setup-test bench.run
	$(CARGO) test --workspace

# The article about Enroot's bundles, step by step, with a registry of its own. Takes root, and Debian's and PyPI's packages.
article: setup-test bench.run
	tests/article/article.py

# What `bench export` writes, read by the programs that it is for: they come from Debian and PyPI.
exchange-check: setup-exchange target/release/bench
	tests/exchange/validate.py target/release/bench

# What `bench report` writes, in a browser: see target/report-check for how it looks.
report-check: setup-report target/release/bench
	tests/report/browser.py target/release/bench

# The program `bundle` for hosts with another C library.
bundle.run: bench.run
	target/release/bundle pack --force --exe target/release/bundle -o $@

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# The measured claims of the documents: against numpy, how fast a bundle starts, and what compression costs.
speed: setup-bench bench.run
	harness/benches/against_numpy.py ./bench.run

start: setup-bench bench.run
	bundle/benches/start.py ./bench.run

codec: setup-bench bench.run
	bundle/benches/codec.py target/release/bundle target/release/bench

clean:
	$(CARGO) clean
	rm -f bench.run bundle.run
