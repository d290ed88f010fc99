# make demo   set up, build, make the demo data, run the whole job, print the result table
# make test   set up what is missing, run every test, say what was skipped and where the time went
# make fuzz   feed the readers of foreign files for hours (docs/fuzzing.md)
SHELL := /bin/bash
SEED ?= 1
DEMO ?= demo
PREFIX ?= /usr/local
RUNS ?= 1000000
SECONDS ?= 1200
# Tests see the inside of modules, so they are built apart from the program; optimised, since the numerical ones are heavy.
TEST_BUILD := -c release -Xswiftc -enable-testing --scratch-path .build-test

# The modules that hold threads, memory maps and C code. LibTorch is not built with sanitizers.
SANITIZED := HPACoreTests|HPAStoreTests|HPAIndexTests|HPAImagesTests|CConvolutionKernelsTests

.PHONY: setup build demo test fuzz parity torture sanitize bench format lint install clean

setup:
	@scripts/setup build

build: setup
	swift build -c release

demo: build
	scripts/demo "$(DEMO)"

test:
	@scripts/setup test
	swift build $(TEST_BUILD) --build-tests
	scripts/test $(TEST_BUILD) --skip-build

# LibTorch itself stays in .deps/ of this checkout.
install: build
	install -d "$(PREFIX)/bin" "$(PREFIX)/lib/hpa-feat"
	install .build/release/hpa-feat "$(PREFIX)/bin/"
	install .build/release/libHPATorchShim.so .build/release/libHPAFaissShim.so "$(PREFIX)/lib/hpa-feat/"
	install -d "$(PREFIX)/share/hpa-feat/indexes"
	install -m 644 indexes/*.yaml "$(PREFIX)/share/hpa-feat/indexes/"

# make fuzz TARGET="png npy" RUNS=1000000 SECONDS=1200: the readers of foreign files under libFuzzer and AddressSanitizer.
fuzz:
	@scripts/setup test
	RUNS=$(RUNS) SECONDS_EACH=$(SECONDS) SEED=$(SEED) scripts/fuzz $(TARGET)

parity:
	@scripts/setup test
	HPA_PARITY_SEED=$(SEED) swift test $(TEST_BUILD) --filter Parity

# 200 kills of extract, merge and run; HPA_TEST_SEED repeats a run.
torture:
	@scripts/setup test
	swift build $(TEST_BUILD) --build-tests
	HPA_KILLS=200 swift test $(TEST_BUILD) --skip-build --filter "KillTests|KilledRunTests"

# ThreadSanitizer, then AddressSanitizer, over the modules without LibTorch.
sanitize:
	@scripts/setup test
	TSAN_OPTIONS=halt_on_error=1 swift test -c release -Xswiftc -enable-testing --sanitize=thread --scratch-path .build-thread --filter "$(SANITIZED)"
	ASAN_OPTIONS=detect_leaks=0 swift test -c release -Xswiftc -enable-testing --sanitize=address --scratch-path .build-address --filter "$(SANITIZED)"

# The store against py-lmdb and h5py; the search against faiss-cpu, usearch, NumPy and PyTorch; networks against PyTorch, ONNX Runtime and OpenVINO;
# decoding against Pillow, OpenCV, tifffile and torchvision; images to features against the Python way; training and the stacker against PyTorch. How a
# search grows is drawn, too.
bench: build
	@scripts/setup bench
	.deps/python/bin/python Benchmarks/store.py
	.deps/python/bin/python Benchmarks/search.py
	.deps/python/bin/python Benchmarks/growth.py
	.deps/python/bin/python Benchmarks/networks.py
	.deps/python/bin/python Benchmarks/decode.py
	.deps/python/bin/python Benchmarks/end_to_end.py
	.deps/python/bin/python Benchmarks/training.py
	.deps/python/bin/python Benchmarks/stacker.py

format:
	swift format --in-place --recursive Package.swift Sources Tests Benchmarks

lint:
	swift format lint --strict --recursive Package.swift Sources Tests Benchmarks

clean:
	rm -rf .build .build-test .build-fuzz .build-thread .build-address .fuzz .goldens
