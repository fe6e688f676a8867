# farfield.  make            build build/release/farfield        make run     serve until stopped
#            make deps       packages to build and run            make demo    the main job, start to end
#            make deps-test  packages to test and check           make test    every test (BUILD=asan|tsan too)
#            make bench      timings, and build/bench.json        make check   what a change must pass
#            make deps-peers bench-peers    the same work by PyTorch and JAX, and build/bench-peers.json
#            make fuzz       a minute for each parser (T=png)      make format  lay out the source
#            make crash N=300 (also crashpoints, sweep_crash, oom, oom_worker, enospc, worker, slow): a harness of `make test`, made long
#            make deps-paper paper PROFILE=quick    the paper's tables and figures (also table, full; DATA=, ONLY=fig3)
#            make docs       docs/api.md, docs/settings.md        make install PREFIX=/usr/local
# Settings of your own (CC, CFLAGS, …) go into config.mak.
-include config.mak
BUILD  ?= release
PREFIX ?= /usr/local
O      := build/$(BUILD)
VERSION := $(shell sed -n 's/^\#\# \[\([0-9.]*\)\].*/\1/p' CHANGELOG.md | head -1)

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
packages := gcc libc6-dev make pkg-config libmicrohttpd-dev libjansson-dev libopenblas-dev libpng-dev \
  libjpeg62-turbo-dev zlib1g-dev libzip-dev libsqlite3-dev libsodium-dev libseccomp-dev \
  libfreetype-dev libkissfft-dev fonts-dejavu-core curl ca-certificates
packages_test := clang clang-format clang-tidy libclang-rt-14-dev libcmocka-dev libcurl4-openssl-dev \
  python3 python3-numpy python3-pil git strace valgrind chromium

# What compiler and linker can do against a bug of memory (tests/http/test_binary.c looks at the result).
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fno-strict-overflow \
  -fno-delete-null-pointer-checks -fno-strict-aliasing -Werror=format-security
HARDEN += $(if $(findstring clang,$(CC)),-ftrivial-auto-var-init=pattern,-ftrivial-auto-var-init=zero)
LINK_HARDEN := -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
ifeq ($(shell uname -m),x86_64)
HARDEN += -fcf-protection=full $(if $(findstring clang,$(CC)),,-fzero-call-used-regs=used-gpr -mharden-sls=all)
LINK_HARDEN += -Wl,-z,ibt,-z,shstk
endif
CFLAGS_release = -O2 -g $(HARDEN)
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -DSANITIZED
CFLAGS_tsan    := -O1 -g -fsanitize=thread -DSANITIZED
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all -DSANITIZED
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes \
  -Wformat=2 -Wundef -Wimplicit-fallthrough -Werror=implicit-function-declaration $(if $(STRICT),-Werror)
libraries := libmicrohttpd jansson openblas libpng libjpeg zlib libzip sqlite3 libsodium libseccomp freetype2 kissfft-float
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DFARFIELD_VERSION='"$(VERSION)"' -I. $(WARNINGS) $(CFLAGS_$(BUILD)) \
  -fPIE -pthread -fno-math-errno $(CFLAGS) $(shell pkg-config --cflags $(libraries))
ALL_LDFLAGS = $(CFLAGS_$(BUILD)) -pie -pthread $(LINK_HARDEN) -Wl,--as-needed $(LDFLAGS)
# Asked when needed, not when make starts: `make deps-test test` installs them first.
LIBS_core   = $(shell pkg-config --libs openblas libpng libjpeg zlib libzip freetype2 kissfft-float) -lm
LIBS_server = $(shell pkg-config --libs libmicrohttpd sqlite3 libsodium libseccomp)
LIBS_api    = $(shell pkg-config --libs jansson)

sources  = $(sort $(foreach d,$1,$(wildcard $d/*.c $d/*/*.c)))
core    := $(patsubst %.c,$O/%.o,$(call sources,core)) $O/core/sample/font.bin.o $O/core/plot/plot_font.bin.o
server  := $(patsubst %.c,$O/%.o,$(filter-out server/main.c,$(call sources,server))) \
           $(patsubst %,$O/%.bin.o,$(sort $(wildcard migrations/*.sql)))
vendor  := $(addprefix build/vendor/,openseadragon.js openseadragon.LICENSE.txt uplot.js uplot.css uplot.LICENSE.txt)
dashboard := $(sort $(foreach e,js css html svg,$(wildcard api/dashboard/*.$e api/dashboard/*/*.$e))) $(vendor)
api     := $(patsubst %.c,$O/%.o,$(call sources,api)) \
           $O/api/openapi.json.bin.o $O/api/dashboard_files.o $(patsubst %,$O/%.bin.o,$(dashboard))
support := $(patsubst %.c,$O/%.o,$(wildcard tests/support/*.c))
support_http := $(patsubst %.c,$O/%.o,$(filter-out tests/http/test_% tests/harness/test_%,$(wildcard tests/http/*.c tests/harness/*.c)))
bench_precision := $O/tests/bench/bench_precision
benches := $(filter-out $(bench_precision),$(patsubst %.c,$O/%,$(sort $(wildcard tests/bench/bench_*.c))))
benches_http := $O/tests/bench/bench_http $O/tests/bench/bench_fit $O/tests/bench/bench_presets $O/tests/bench/bench_estimate $(bench_precision)
bench_peer := $O/tests/bench/peers/farfield_peer
fuzzers := $(patsubst %.c,$O/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
replays := $(patsubst $O/tests/fuzz/fuzz_%,$O/tests/fuzz/replay_%,$(fuzzers))
tests   := $(patsubst %.c,$O/%,$(sort $(wildcard tests/*/test_*.c tests/*/*/test_*.c))) $(replays)
harnesses := crash crashpoints sweep_crash oom oom_worker enospc worker slow
folders := core server api tests tests/core tests/server tests/bench
ours    := $(call sources,$(folders)) $(sort $(foreach d,$(folders),$(wildcard $d/*.h $d/*/*.h)))

.PHONY: $(harnesses) all run demo deps deps-test deps-peers deps-paper paper install test tests bench benches bench-peers bench-precision bench-grids bench-dashboard screenshots fuzz check check-format check-headers lint format docs clean
.SECONDARY:
all: $O/farfield

# npm comes with some builds of Node.js, and then clashes with Debian's package of it.
npm_package = $(if $(shell command -v npm),,npm)
deps:
	$(SUDO) apt-get install -y --no-install-recommends $(packages) $(npm_package)
	$(MAKE) $(vendor)
deps-test: deps
	$(SUDO) apt-get install -y --no-install-recommends $(packages_test)
	$(MAKE) build/npm/browser/installed
deps-paper: deps
	$(SUDO) apt-get install -y --no-install-recommends python3 python3-numpy python3-pil python3-matplotlib
# Debian's PyTorch, and the newest PyTorch and JAX in a folder of their own (6 GB: the registry has no smaller build).
PYTHON_DEBIAN ?= /usr/bin/python3
deps-peers:
	$(SUDO) apt-get install -y --no-install-recommends python3-torch python3-venv libopenblas0-openmp g++
	$(PYTHON_DEBIAN) -m venv build/peers-venv
	build/peers-venv/bin/pip install torch jax numpy

$O/farfield: $O/server/main.o $O/libapi.a $O/libserver.a $O/libcore.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_api) $(LIBS_server) $(LIBS_core)
$O/libcore.a:   $(core)
$O/libserver.a: $(server)
$O/libapi.a:    $(api)
$O/%.a:
	@rm -f $@
	$(AR) rcs $@ $^

# The kernels of an instruction set are compiled for it; which one runs is decided at start.  Their
# arrays are registers, or written whole: zeroing them first would cost as much as the work.  (With
# the checks of a fuzzer clang takes ten minutes to optimize them.)
UNZEROED := $(if $(filter fuzz,$(BUILD)),-O1,-O3) -ftrivial-auto-var-init=uninitialized
ifeq ($(shell uname -m),x86_64)
AVX512 := $(UNZEROED) -mprefer-vector-width=512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma
$O/core/nn/kernel_avx512.o $O/core/nn/kernel_grid_avx512.o: ISA := $(AVX512)
$O/core/nn/kernel_avx512_bf16.o: ISA := $(AVX512) -mavx512bf16
$O/core/nn/kernel_amx.o: ISA := $(AVX512) -mavx512bf16 -mamx-tile -mamx-bf16
$O/core/nn/kernel_avx2.o $O/core/nn/kernel_grid_avx2.o: ISA := $(UNZEROED) -mavx2 -mfma
endif
$O/core/nn/kernel_portable.o $O/core/nn/kernel_portable_bf16.o $O/core/nn/kernel_grid_portable.o $O/core/nn/optimizer.o: ISA := $(UNZEROED)
# Loops over the lanes of a tree become vectors; loops over places write what they read.
$O/core/scene/bvh.o $O/core/scene/projection.o: ISA := $(UNZEROED)
$O/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC $<';) $(CC) $(ALL_CFLAGS) $(ISA) -MMD -MP -c -o $@ $<
-include $(shell find $O -name '*.d' 2>/dev/null)

READ_ONLY := objcopy --rename-section .data=.rodata,alloc,load,readonly,data,contents
# Files that become part of the program: symbols _binary_<path with underscores>_start and _end.
$O/%.bin.o: %
	@mkdir -p $(@D)
	$(LD) -r -b binary -z noexecstack -o $@ $< && $(READ_ONLY) $@
# The dashboard's files, and the libraries it uses, of the versions in api/dashboard/package-lock.json.
$O/api/dashboard_files.c: api/dashboard/table.sh $(dashboard) $(sort $(dir $(filter api/dashboard/%,$(dashboard))))
	@mkdir -p $(@D)
	api/dashboard/table.sh $(dashboard) > $@
$O/api/dashboard_files.o: $O/api/dashboard_files.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
npm_install = mkdir -p $(@D) && cp $(dir $<)package.json $(dir $<)package-lock.json $(@D) && \
  npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund && touch $@
build/npm/dashboard/installed: api/dashboard/package-lock.json
	$(npm_install)
build/npm/browser/installed: tests/browser/package-lock.json
	$(npm_install)
npm := build/npm/dashboard/node_modules
build/vendor/openseadragon.js:          from = openseadragon/build/openseadragon/openseadragon.min.js
build/vendor/openseadragon.LICENSE.txt: from = openseadragon/LICENSE.txt
build/vendor/uplot.js:                  from = uplot/dist/uPlot.iife.min.js
build/vendor/uplot.css:                 from = uplot/dist/uPlot.min.css
build/vendor/uplot.LICENSE.txt:         from = uplot/LICENSE
$(vendor): build/npm/dashboard/installed
	@mkdir -p $(@D)
	cp $(npm)/$(from) $@
dejavu := /usr/share/fonts/truetype/dejavu
$O/core/sample/font.bin.o: $(dejavu)/DejaVuSerif-Bold.ttf
$O/core/plot/plot_font.bin.o: $(dejavu)/DejaVuSans.ttf
$O/core/sample/font.bin.o $O/core/plot/plot_font.bin.o: $O/%.bin.o:
	@mkdir -p $(@D)
	cp $< $O/$* && cd $(@D) && $(LD) -r -b binary -z noexecstack -o $(@F) $(*F) && $(READ_ONLY) $(@F)

# A test links its own storey and those below it, nothing above: a core file that calls upward does not link.
$(tests) $(benches) $(bench_precision) $(bench_peer): LIBS_test = $(shell pkg-config --libs cmocka libcurl)
$(filter $O/tests/core/%,$(tests)) $(filter-out $(benches_http),$(benches)) $(bench_peer): $O/%: $O/%.o $(support) $O/libcore.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_test) $(LIBS_core)
$(filter $O/tests/server/%,$(tests)): $O/%: $O/%.o $(support) $O/libserver.a $O/libcore.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_test) $(LIBS_server) $(LIBS_core)
$(filter $O/tests/api/% $O/tests/http/% $O/tests/harness/%,$(tests)) $(benches_http): $O/%: $O/%.o $(support) | $O/farfield
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_test) $(LIBS_api) $(LIBS_server) $(LIBS_core)
$(filter $O/tests/http/% $O/tests/harness/%,$(tests)) $(benches_http): $(support_http)
$(filter $O/tests/api/% $O/tests/http/% $O/tests/harness/%,$(tests)) $(benches_http): $O/libapi.a $O/libserver.a $O/libcore.a
# The program with an allocator that fails when told to.
$O/tests/oom/farfield-oom: $O/server/main.o $O/tests/oom/failing_alloc.o $O/libapi.a $O/libserver.a $O/libcore.a
	$(CC) $(ALL_LDFLAGS) -Wl,--wrap=syscall_filter_install -o $@ $^ $(LIBS_api) $(LIBS_server) $(LIBS_core)
$O/tests/harness/test_oom $O/tests/harness/test_oom_worker: | $O/tests/oom/farfield-oom
# A fuzz target runs under libFuzzer, or (a sample, as a test) under replay.c.
$(foreach t,nifti nrrd,$O/tests/fuzz/fuzz_$t $O/tests/fuzz/replay_$t): $O/tests/support/volume_files.o
$(fuzzers): $O/%: $O/%.o $O/tests/fuzz/fuzz.o $O/libapi.a $O/libserver.a $O/libcore.a
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS_api) $(LIBS_server) $(LIBS_core)
$(replays): $O/tests/fuzz/replay_%: $O/tests/fuzz/fuzz_%.o $O/tests/fuzz/fuzz.o $O/tests/fuzz/replay.o $O/libapi.a $O/libserver.a $O/libcore.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_test) $(LIBS_api) $(LIBS_server) $(LIBS_core)

run: all
	$O/farfield serve
demo: all
	tests/demo.sh $O/farfield
install: all
	install -D $O/farfield $(DESTDIR)$(PREFIX)/bin/farfield
tests: $(tests)
benches: $(benches) $(bench_precision)
browser_tests := $(sort $(wildcard tests/browser/test_*.mjs))
test: all $(tests) build/npm/browser/installed
	tests/run.sh $O $(patsubst $O/%,%,$(tests)) $(browser_tests)
# The same program that `make test` runs as a sample; it reads how often, and from which seed on.
oom oom_worker: N = all
$(harnesses): %: all $O/tests/harness/test_%
	HARNESS_N=$(N) HARNESS_SEED=$(SEED) $O/tests/harness/test_$@
bench: all $(benches)
	tests/bench/run.sh $O build/bench.json $(benches)
bench-precision: all $(bench_precision)
	tests/bench/run.sh $O build/bench-precision.json $(bench_precision)
# The presets at length, an hour in all: on Kodak's pictures, on one of 14 megapixels, beside the paper's.
bench-grids: all $O/tests/bench/bench_grid $O/tests/bench/bench_presets
	tests/bench/run.sh $O build/bench-grids.json $O/tests/bench/bench_grid \
	  "$O/tests/bench/bench_presets 5 presets natural kodak albert" "$O/tests/bench/bench_presets 1 paper"
# WORK="check step_4x256_16384" ROUNDS=9 PEERS="torch jax"; WORK=fit PICTURE=x.png STEPS=6000 TARGET=30: tests/bench/peers/run.py
bench-peers: $(bench_peer)
	@$(PYTHON_DEBIAN) -B tests/bench/peers/run.py --farfield $(bench_peer) --debian $(PYTHON_DEBIAN) --venv build/peers-venv/bin/python \
	  $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PEERS),--peers "$(PEERS)") $(if $(PICTURE),--picture $(PICTURE)) \
	  $(if $(STEPS),--steps $(STEPS)) $(if $(TARGET),--target $(TARGET)) --json build/bench-peers.json $(WORK)
# The tables and figures of Tancik et al. 2020 into docs/results.md; what was fitted before is not fitted again.
PROFILE ?= quick
paper: all
	@$(PYTHON_DEBIAN) -B docs/paper/paper.py --program $O/farfield --profile $(PROFILE) --data '$(DATA)' --only '$(ONLY)' --out '$(OUT)' --keep '$(KEEP)'
# Pictures of every page for docs/dashboard.md; the dashboard's figures in a browser (DATA=, VIEWS=, ONLY=: tests/bench/dashboard.mjs).
screenshots: all build/npm/browser/installed
	FARFIELD=$O/farfield node docs/make_dashboard.mjs
bench-dashboard: all build/npm/browser/installed
	FARFIELD=$O/farfield node tests/bench/dashboard.mjs
fuzz:
	$(MAKE) BUILD=fuzz CC=clang fuzz-run
fuzz-run: $(if $T,$O/tests/fuzz/fuzz_$T,$(fuzzers))
	tests/fuzz/run.sh $^

check: check-format check-headers
	$(MAKE) CC=gcc   O=build/check-gcc   STRICT=1 all tests benches
	$(MAKE) CC=clang O=build/check-clang STRICT=1 all tests benches
	$(MAKE) lint
check-format:
	@clang-format --dry-run -Werror $(sort $(ours)) && echo "formatted"
format:
	clang-format -i $(sort $(ours))
check-headers:
	@for h in $(sort $(filter %.h,$(ours))); do \
	  $(CC) -x c $(ALL_CFLAGS) -Werror -Wno-psabi -fsyntax-only $$h || exit 1; done && echo "headers stand alone"
lint: HARDEN := # flags of another compiler
lint:
	@printf '%s\n' $(filter %.c,$(filter-out tests/%,$(ours))) | xargs -P $$(nproc) -I{} \
	  clang-tidy --quiet --warnings-as-errors='*' {} -- $(ALL_CFLAGS)
	tests/lint.sh
docs: all
	$O/farfield help settings > docs/settings.md
	python3 docs/make_api.py api/openapi.json > docs/api.md
clean:
	rm -rf build
