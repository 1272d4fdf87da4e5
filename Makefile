# Small habits. `make demo` and `make test` do all the set-up themselves on a fresh Debian machine with Swift 6.3.

PACKAGES = libsqlite3-dev libopenblas-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev \
           libzstd-dev libssl-dev libcurl4-openssl-dev pkg-config
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
MOTRANS = .build/release/motrans
PIPELINE = pipelines/jumping.yaml
TRACED = pipelines/turn-box.yaml

PAGE = docs/one-training-step.md

.PHONY: demo test build release lint format setup clean one-training-step levels bench check-exports crash-points power-cut

## The main job, from nothing: set-up, release build, all seven stages on a motion that the embedded model has never seen, and
## where the videos are.
demo: release
	$(MOTRANS) run $(PIPELINE)
	@mkdir -p demo
	@$(MOTRANS) get samples --pipeline $(PIPELINE) --to demo --replace
	@echo
	@video=$$(find demo -name '*.mp4' | sort | head -n 1); echo "What made $$video:"; $(MOTRANS) lineage "$$video"
	@echo
	@echo "Videos:"; find demo -name '*.mp4' | sort

## All tests, with the same set-up, and the formatter's opinion.
test: setup lint
	swift test

## What this machine can do: kernels beside their ceilings, then networks. Wants a machine that does nothing else.
bench: release
	$(MOTRANS) bench --kernels
	$(MOTRANS) bench

## The table of docs/one-training-step.md, made again on this machine: all below the line that names this target.
one-training-step: release
	@[ -f models/tiny/model.yaml ] || $(MOTRANS) models init tiny models/tiny --seed 1
	$(MOTRANS) run $(TRACED) motion --quiet
	$(MOTRANS) run $(TRACED) motion --force --quiet --trace .build/motion.json --trace-steps 60
	@{ sed '/^`make one-training-step`/q' $(PAGE); echo; \
	   sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\1 × \2./'; echo; \
	   $(MOTRANS) trace .build/motion.json motion --md; } > .build/page.md
	@mv .build/page.md $(PAGE)

## Every call of a run at which it may be killed or the disk may fail; the tests try a few of them. An hour;
## EACH=4 tries every fourth.
crash-points: setup
	swift build --build-tests
	MOTRANS_CRASH_POINTS=$(or $(EACH),1) TMPDIR=$$([ -w /dev/shm ] && echo /dev/shm || echo /tmp) \
	    swift test --skip-build --filter CrashPointTests

## The power fails 200 times while runs publish. Wants root, loop devices and mkfs.xfs (Debian: xfsprogs). Some 20 minutes.
power-cut: setup
	swift build --build-tests
	MOTRANS_POWER_CUTS=200 swift test --skip-build --filter PowerCutTests

## Every kernel of every level that this processor can run, against plain loops; the head of the file says more.
levels:
	@mkdir -p .build
	clang -O2 -ffp-contract=off -static -fstack-protector-all -Wno-psabi -ISources/Core/CKernels/include \
	    Tests/Kernels/levels.c Sources/Core/CKernels/*.c -lm -o .build/levels
	.build/levels

## The exports of the latest run, read by other people's programs (from PyPI, in a virtual environment of their own).
check-exports: release
	@[ -x .build/readers/bin/python ] || python3 -m venv .build/readers
	@.build/readers/bin/pip install -q -r Tests/Exports/requirements.txt
	.build/readers/bin/python Tests/Exports/check.py --motrans $(MOTRANS)

build: setup
	swift build

release: setup
	swift build -c release --static-swift-stdlib --product motrans

lint:
	swift format lint --strict --recursive Package.swift Sources Tests

format:
	swift format --in-place --recursive Package.swift Sources Tests

# Asks dpkg first, so that a machine that has everything needs neither the network nor root.
setup:
	@missing=""; for p in $(PACKAGES); do \
	    dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	    echo "installing$$missing"; $(SUDO) apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $$missing >/dev/null; fi

clean:
	rm -rf .build demo
