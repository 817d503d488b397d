# Thin: each recipe is a few lines, the logic is in the programs.
PACKAGES := gcc libc6-dev pkg-config libhwloc-dev libopenblas-pthread-dev
TEST_PACKAGES := squashfs-tools
CARGO ?= cargo

.PHONY: run test lint setup setup-test speed start clean FORCE

run: bench.run
	./bench.run --size small

# Debian packages that are missing, by name; nothing is asked or changed when none is.
setup: WANTED = $(PACKAGES)
setup-test: WANTED = $(PACKAGES) $(TEST_PACKAGES)
setup setup-test:
	@./.ci/install-packages $(WANTED)

bench.run: target/release/bench target/release/bundle
	target/release/bundle pack --force --exe target/release/bench -o $@

# cargo knows what is out of date; make only needs to ask it.
target/release/bench target/release/bundle &: FORCE | setup
	$(CARGO) build --release -p harness -p bundle

FORCE:

test: setup-test bench.run
	$(CARGO) test --workspace

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# The measured claims of the README: against numpy, and how fast a bundle starts.
speed: bench.run
	harness/benches/against_numpy.py ./bench.run

start: bench.run
	bundle/benches/start.sh ./bench.run

clean:
	$(CARGO) clean
	rm -f bench.run
