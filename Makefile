# make            builds build/dsqc
# make help       lists everything else
VERSION := 0.1.0

B      ?= build
CC     ?= cc
PREFIX ?= /usr/local
# 1: AddressSanitizer and UndefinedBehaviorSanitizer
SAN    ?=

# Debian's packages: for building, and for the tests beside them (compilers and emulators of the targets, PyTorch as
# an independent implementation; a browser for the page of explore).
BUILD_PACKAGES := gcc libc6-dev pkg-config libyaml-dev libjansson-dev libpng-dev libjpeg-dev zlib1g-dev libmd-dev \
                  libprotobuf-c-dev protobuf-c-compiler libonnx-dev llvm-19-dev
# For rendering images that the demo's network has never seen: specs/digits/render.py --packages lists the fonts.
DEMO_PACKAGES  := python3 python3-numpy python3-pil fonts-b612 fonts-bwht fonts-cantarell fonts-clear-sans \
                  fonts-courier-prime fonts-liberation fonts-lobstertwo fonts-quattrocento
# Whom `make bench` compares with, and tests, too: ONNX Runtime comes from npm, into build/npm.
BENCH_PACKAGES := python3 python3-numpy python3-torch python3-onnx $(if $(shell command -v npm),,nodejs npm)
TEST_PACKAGES  := clang libcunit1-dev jq python3 python3-numpy python3-torch python3-torchvision gcc-arm-none-eabi \
                  qemu-system-arm qemu-system-misc qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
                  gcc-riscv64-unknown-elf chromium chromium-driver $(BENCH_PACKAGES)
ORT            := onnxruntime-node@1.30.0
LIBRARIES      := yaml-0.1 jansson libpng libjpeg zlib libmd libprotobuf-c
# The format of ONNX files; protoc-c makes C of it.
ONNX_PROTO     ?= /usr/include/onnx/onnx.proto

comma    := ,
# V=1 shows the commands.
Q        := $(if $(V),,@)
say       = @$(if $(V),:,echo '$(1)	$(2:$(B)/%=%)')
WARN     := -Wall -Wextra -Wpedantic $(if $(CI),-Werror)
OPT      := $(if $(SAN),-O1 -g -fno-omit-frame-pointer -fsanitize=address$(comma)undefined -fno-sanitize-recover=all,-O2 -g)
CFLAGS   ?=
ALL_C     = -std=c11 -D_GNU_SOURCE -DDSQ_VERSION='"$(VERSION)"' -I$(B) $(WARN) $(OPT) $(LIB_CFLAGS) $(CFLAGS)
ALL_LD    = $(OPT) $(LDFLAGS) $(LIB_LIBS) -lm -ldl -pthread

# dsqc itself uses the thread pool; the rest of runtime_min is text to it, written beside the code that needs it.
RULES    := passes/rules/algebra.rules
RUNTIME  := $(sort $(wildcard runtime_min/*.[ch]))
# What explore --html writes, but for the numbers.
PAGE     := $(addprefix compiler/share/explore/,page.html style.css data.js inspect.js passes.js graph.js kernels.js \
                memory.js page.js)
SRC      := $(sort $(wildcard $(foreach d,compiler ir passes backends,$(d)/*.c $(d)/*/*.c $(d)/*/*/*.c))) runtime_min/dsq_pool.c
# Without LLVM (LLVM_CONFIG= says so, too) there is the C backend alone, and none.c in place of the other.
LLVM_CONFIG ?= $(shell command -v llvm-config-19)
LLVM_SRC := $(filter backends/llvm/%,$(SRC))
NO_LLVM  := backends/llvm/none.c
SRC      := $(filter-out $(if $(LLVM_CONFIG),$(NO_LLVM),$(filter-out $(NO_LLVM),$(LLVM_SRC))),$(SRC))
OBJ      := $(SRC:%.c=$(B)/%.o) $(B)/onnx.pb-c.o
UNIT     := $(sort $(wildcard tests/unit/*.c tests/unit/*/*.c))
# Every other .c of the tests is a program, but for those with a header, which are linked to all.
SUPPORT  := $(patsubst %.c,$(B)/%.o,$(wildcard $(patsubst %.h,%.c,$(wildcard tests/exec/*.h))))
FUZZ     := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
EXEC     := $(filter-out $(SUPPORT:.o=),$(patsubst %.c,$(B)/%,$(sort $(wildcard tests/exec/*.c tests/e2e/*/*.c tests/bench/*.c))))
UNIT_OBJ := $(UNIT:%.c=$(B)/%.o)

# These goals need no library, or call make again once the packages are there.
ifneq ($(filter-out deps deps-demo deps-test deps-ort demo bench test asan fuzz update-golden help uninstall clean,$(or $(MAKECMDGOALS),all)),)
LIB_CFLAGS := $(shell pkg-config --cflags $(LIBRARIES) 2>/dev/null)
LIB_LIBS   := $(shell pkg-config --libs $(LIBRARIES) 2>/dev/null)
ifneq ($(LLVM_CONFIG),)
LLVM_CFLAGS := -isystem $(shell $(LLVM_CONFIG) --includedir)
# What is loaded when it is needed, by the name that programs linked to it would have: libLLVM.so.19.1.
LLVM_LIBRARY := $(shell objdump -p $$($(LLVM_CONFIG) --link-shared --libfiles) | sed -n 's/^ *SONAME *//p')
endif
LACKING    := $(shell for l in $(LIBRARIES); do pkg-config --exists $$l 2>/dev/null || echo $$l; done; \
    command -v protoc-c >/dev/null || echo protoc-c; [ -f $(ONNX_PROTO) ] || echo $(ONNX_PROTO))
ifneq ($(LACKING),)
$(error missing: $(LACKING). Run 'make deps' first)
endif
endif

.PHONY: all bench deps deps-demo deps-test deps-ort demo demo-run test asan tests fuzz fuzz-targets update-golden \
        explore-table install uninstall clean help FORCE
all: $(B)/dsqc

$(B)/dsqc: $(OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LD)

# What a machine without LLVM would build, for the tests.
$(B)/tests/dsqc-nollvm: $(filter-out $(LLVM_SRC:%.c=$(B)/%.o),$(OBJ)) $(NO_LLVM:%.c=$(B)/%.o)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CC) -o $@ $^ $(ALL_LD)

# Flags are an ingredient, too: this file changes when they do.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(ALL_C))' | cmp -s - $@ || echo '$(subst ','\'',$(CC) $(ALL_C))' > $@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_C) -MMD -MP -c -o $@ $<

# Texts that are part of the binary.
TEXTS := $(patsubst %,$(B)/%_text.h,runtime rules page functions)
$(B)/runtime_text.h: $(RUNTIME)
$(B)/rules_text.h: $(RULES)
$(B)/page_text.h: $(PAGE)
$(B)/functions_text.h: ir/loop/functions.loops
$(TEXTS): backends/c/embed.sh
	@mkdir -p $(@D)
	$(call say,EMBED,$@)
	$(Q)sh $< $(basename $(@F)) $(filter-out $<,$^) > $@.tmp && mv $@.tmp $@

$(B)/llvm_api.h: backends/llvm/api.sh $(filter backends/llvm/%,$(SRC))
	@mkdir -p $(@D)
	$(call say,API,$@)
	$(Q)sh $< $(LLVM_LIBRARY) $(filter %.c,$^) > $@.tmp && mv $@.tmp $@

$(OBJ): | $(TEXTS)
$(B)/backends/llvm/%.o: ALL_C += $(LLVM_CFLAGS)
$(patsubst %.c,$(B)/%.o,$(filter-out $(NO_LLVM),$(LLVM_SRC))): $(B)/llvm_api.h

$(B)/onnx.pb-c.c $(B)/onnx.pb-c.h &: $(ONNX_PROTO)
	@mkdir -p $(@D)
	$(call say,PROTOC,$<)
	$(Q)cp $< $(B)/onnx.proto && protoc-c --c_out=$(B) -I$(B) $(B)/onnx.proto

$(B)/onnx.pb-c.o: $(B)/onnx.pb-c.c $(B)/flags
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_C) -c -o $@ $<

$(patsubst %.c,$(B)/%.o,$(wildcard compiler/onnx/export/*.c)): | $(B)/onnx.pb-c.h

# ---- tests: tests/unit/*/test_X.c defines suite_X ----
$(B)/tests/suites.def: $(UNIT)
	@mkdir -p $(@D)
	@printf 'SUITE(%s)\n' $(sort $(patsubst test_%.c,%,$(filter test_%,$(notdir $^)))) > $@

$(B)/tests/unit/%.o: ALL_C += -I$(B)/tests
$(UNIT_OBJ): | $(B)/tests/suites.def
$(B)/tests/unit/main.o: $(B)/tests/suites.def

$(B)/tests/unit/unit: $(UNIT_OBJ) $(SUPPORT) $(filter-out $(B)/compiler/main.o,$(OBJ))
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ -lcunit $(ALL_LD)

$(EXEC): %: %.o $(SUPPORT) $(filter-out $(B)/compiler/main.o,$(OBJ))
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LD)

# FUZZER= has them link to libFuzzer; without it they read files and mutations of them.
FUZZER := $(B)/tests/fuzz/replay.o
$(FUZZ): %: %.o $(filter $(B)/%,$(FUZZER)) $(filter-out $(B)/compiler/main.o,$(OBJ))
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ $(filter-out $(B)/%,$(FUZZER)) $(ALL_LD)

-include $(OBJ:.o=.d) $(UNIT_OBJ:.o=.d) $(EXEC:%=%.d) $(SUPPORT:.o=.d) $(FUZZ:%=%.d)

# What tests preload.
FAULTS := $(patsubst %.c,$(B)/%.so,$(wildcard tests/faults/*.c))
$(FAULTS): $(B)/%.so: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O1 -g -fPIC -shared -o $@ $<

tests: $(B)/dsqc $(B)/tests/dsqc-nollvm $(B)/tests/unit/unit $(EXEC) $(FUZZ) $(FAULTS)

test: deps-test
	@$(MAKE) --no-print-directory -j$$(nproc) B=$(B) tests
	@bash tests/run.sh $(B) $(TESTS)

asan: deps-test
	@$(MAKE) --no-print-directory -j$$(nproc) B=$(B)/asan SAN=1 tests
	@bash tests/run.sh $(B)/asan $(TESTS)

# libFuzzer on each target in turn, SECONDS each; what it finds is kept in build/fuzz/corpus.
SECONDS ?= 60
fuzz: deps-test
	$(call install_packages,libclang-rt-14-dev)
	@$(MAKE) --no-print-directory -j$$(nproc) B=build/fuzz SAN=1 CC=clang CFLAGS=-fsanitize=fuzzer-no-link \
	    FUZZER=-fsanitize=fuzzer fuzz-targets
	@for f in $(FUZZ:$(B)/tests/fuzz/fuzz_%=%); do \
	    mkdir -p build/fuzz/corpus/$$f && /usr/bin/python3 tests/fuzz/seeds.py build/fuzz/corpus && \
	    build/fuzz/tests/fuzz/fuzz_$$f -max_total_time=$(SECONDS) -timeout=10 -print_final_stats=1 \
	        build/fuzz/corpus/$$f $$(ls -d tests/fuzz/corpus/$$f 2>/dev/null) || exit 1; done

fuzz-targets: $(FUZZ)

update-golden:
	@$(MAKE) --no-print-directory -j$$(nproc) B=$(B) tests
	@UPDATE_GOLDEN=1 bash tests/run.sh $(B) ir err e2e

# Beside ONNX Runtime and PyTorch. NETS=resnet18,resnet50 VARIANTS=unit=square_encoding,... (empty: none) ROUNDS=11
# THREADS=1,2 choose; QUICK=1: a first impression; CLOCK=cpu: what the processors spent, where others use them, too, for
# one thread. Results: build/bench.
BENCH := $(foreach v,NETS VARIANTS ROUNDS THREADS CLOCK QUICK,$(if $(filter undefined,$(origin $v)),,$v=$($v)))
bench: deps-ort
	$(call install_packages,$(BUILD_PACKAGES) $(BENCH_PACKAGES))
	@$(MAKE) --no-print-directory -j$$(nproc) B=$(B) $(B)/dsqc $(B)/tests/bench/host
	@DSQC=$(abspath $(B))/dsqc BENCH='$(BENCH)' /usr/bin/python3 tests/bench/bench.py \
	    $(if $(NETS),--nets='$(NETS)') $(if $(filter undefined,$(origin VARIANTS)),,--variants='$(VARIANTS)') \
	    $(if $(ROUNDS),--rounds=$(ROUNDS)) $(if $(THREADS),--threads=$(THREADS)) $(if $(CLOCK),--clock=$(CLOCK)) $(if $(QUICK),--quick)

# ---- Debian packages: only those that are missing, and only where there is apt-get ----
define install_packages
@missing=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(1) 2>/dev/null | \
    awk 'BEGIN { n = split("$(1)", want, " ") } / ok installed$$/ { have[$$1] = 1 } \
         END { for (i = 1; i <= n; i++) if (!(want[i] in have)) printf "%s ", want[i] }'); \
if [ -z "$$missing" ]; then exit 0; fi; \
if ! command -v apt-get >/dev/null; then echo "not a Debian system; these packages are needed: $$missing"; exit 0; fi; \
sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
echo "installing $$missing"; \
$$sudo apt-get update -qq && \
    $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null
endef

deps:
	$(call install_packages,$(BUILD_PACKAGES))

deps-demo:
	$(call install_packages,$(DEMO_PACKAGES))

deps-test:
	$(call install_packages,$(BUILD_PACKAGES) $(DEMO_PACKAGES) $(TEST_PACKAGES))
	@$(MAKE) --no-print-directory deps-ort

# Without it, tests that want it are skipped.
deps-ort:
	@[ -d build/npm/node_modules/onnxruntime-node ] || { echo 'installing $(ORT)'; \
	    npm install --prefix build/npm --ignore-scripts --no-audit --no-fund --loglevel=error $(ORT) >/dev/null; } || \
	    echo 'ONNX Runtime could not be installed'

# ---- the digit reader, compiled and run ----
DEMO := specs/digits/digits.yaml
demo: deps deps-demo
	@$(MAKE) --no-print-directory -j$$(nproc) B=$(B) demo-run

demo-run: $(B)/dsqc
	$(B)/dsqc compile $(DEMO) -o $(B)/demo
	$(B)/dsqc run $(DEMO) $(patsubst %,--input %,$(sort $(wildcard specs/digits/images/*.png))) --top 3 --check
	$(B)/dsqc bench $(DEMO)
	@/usr/bin/python3 specs/digits/accuracy.py $(B)/dsqc

# ---- the table of tests/bench/README.md: what each pass buys ----
EXPLORED := $(foreach n,resnet18 resnet50 shufflenet_v2_x0_5,$(n) $(n),pool=square_pooling $(n),unit=square_encoding)
explore-table: $(B)/dsqc
	@for n in $(EXPLORED); do \
	    $(B)/dsqc explore specs/$${n%%,*}.yaml $$(echo $$n | sed -n 's/.*,/--set /p') --target=x86-64-v4 --markdown --no-time || exit 1; \
	done | awk 'NR < 4 || NR % 3 == 0'

# ---- ----
$(B)/dsqc.1: compiler/share/dsqc.1 compiler/share/man.sh $(B)/dsqc
	$(call say,MAN,$@)
	$(Q)sh compiler/share/man.sh $(B)/dsqc < $< > $@.tmp && mv $@.tmp $@

$(B)/dsqc-ops.7: compiler/share/man.sh $(B)/dsqc
	$(call say,MAN,$@)
	$(Q)sh compiler/share/man.sh $(B)/dsqc operators > $@.tmp && mv $@.tmp $@

SHARE := $(DESTDIR)$(PREFIX)/share
PAGES := README.md HACKING.md specs/README.md runtime_min/README.md compiler/tune/README.md compiler/onnx/README.md \
    compiler/tflite/README.md tests/bench/README.md tests/bench/speed.svg compiler/share/overview.svg ir/README.md \
    backends/README.md backends/threads.svg passes/README.md $(wildcard passes/*/README.md passes/*/*.svg)
install: $(B)/dsqc $(B)/dsqc.1 $(B)/dsqc-ops.7
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/dsq $(SHARE)/man/man1 $(SHARE)/man/man7 \
	    $(SHARE)/dsqc $(SHARE)/doc/dsqc $(SHARE)/bash-completion/completions $(SHARE)/pkgconfig
	install -m 755 $(B)/dsqc $(DESTDIR)$(PREFIX)/bin/dsqc
	install -m 644 runtime_min/*.[ch] $(DESTDIR)$(PREFIX)/include/dsq
	install -m 644 passes/rules/algebra.rules $(SHARE)/dsqc/algebra.rules
	cd specs && find . -type f -name '*.py' -prune -o -type f -print | while read -r f; do \
	    install -D -m 644 "$$f" "$(abspath $(SHARE))/dsqc/specs/$$f" || exit 1; done
	install -m 644 $(B)/dsqc.1 $(SHARE)/man/man1/dsqc.1
	install -m 644 $(B)/dsqc-ops.7 $(SHARE)/man/man7/dsqc-ops.7
	install -m 644 LICENSE $(SHARE)/doc/dsqc
	for f in $(PAGES); do install -D -m 644 $$f $(SHARE)/doc/dsqc/$$f || exit 1; done
	$(B)/dsqc help operators > $(SHARE)/doc/dsqc/operators.txt
	chmod 644 $(SHARE)/doc/dsqc/operators.txt
	install -m 644 compiler/share/dsqc.bash $(SHARE)/bash-completion/completions/dsqc
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' compiler/share/dsq.pc.in > $(SHARE)/pkgconfig/dsq.pc
	chmod 644 $(SHARE)/pkgconfig/dsq.pc

# What install wrote, in folders that are all ours or file by file.
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/dsqc $(SHARE)/man/man1/dsqc.1 $(SHARE)/man/man7/dsqc-ops.7 \
	    $(SHARE)/bash-completion/completions/dsqc $(SHARE)/pkgconfig/dsq.pc
	rm -rf $(DESTDIR)$(PREFIX)/include/dsq $(SHARE)/dsqc $(SHARE)/doc/dsqc

clean:
	rm -rf $(B)

help:
	@echo "make                 build $(B)/dsqc (CC, CFLAGS, B=folder, V=1 shows commands)"
	@echo "make deps            install the Debian packages that building needs"
	@echo "make demo            compile the digit reader and classify the images that come with it"
	@echo "make test            run all tests; TESTS='unit ir err exec fuzz e2e' chooses"
	@echo "make asan            the same under AddressSanitizer and UndefinedBehaviorSanitizer"
	@echo "make fuzz            libFuzzer on everything that reads input, SECONDS=60 for each target"
	@echo "make bench           time dsqc beside ONNX Runtime and PyTorch (NETS, VARIANTS, ROUNDS, THREADS, QUICK=1)"
	@echo "make update-golden   rewrite the expected results of tests/ir, tests/err and tests/e2e"
	@echo "make explore-table   the table of tests/bench/README.md: kernels, bytes moved and arena before and after each pass"
	@echo "make install         PREFIX=$(PREFIX) DESTDIR=; make uninstall takes it away again"
	@echo "make clean           remove $(B)"
