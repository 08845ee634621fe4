# memtrace: build, test and measure. `make help` lists the targets.
# Lists are by wildcard, header dependencies by -MMD, everything built goes under build/.
# V=1 shows the commands, DEBUG=1 builds with assertions, CC=clang works, DESTDIR and PREFIX as usual.

CC       ?= cc
CXX      ?= c++
PREFIX   ?= /usr/local
BUILD    := build
DEBUG    ?= 0
V        ?= 0
Q        := $(if $(filter 1,$V),,@)
say      = $(if $(filter 1,$V),,@printf '  %-8s %s\n' $(1) $(2);)

OPTIMIZE := $(if $(filter 1,$(DEBUG)),-O1 -DMEMTRACE_DEBUG=1,-O2 -DNDEBUG)
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
CFLAGS   ?= -g
STANDARD := -std=gnu11 -D_GNU_SOURCE

all: build
build: ## build libmemtrace.so, memtrace and scanner into build/ (the default)
build: $(BUILD)/libmemtrace.so $(BUILD)/memtrace $(BUILD)/scanner

# Rewritten when the compiler or its flags change, so that everything is built again then.
FLAGS = $(CC) $(CXX) $(CPPFLAGS) $(OPTIMIZE) $(CFLAGS) $(SANITIZE) $(LDFLAGS) $(LDLIBS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@
FORCE:

# --- preload: libmemtrace.so -------------------------------------------------------------------
# (on a machine that still lacks the compiler, `make deps` must be able to start)
MACHINE := $(or $(shell $(CC) -dumpmachine 2>/dev/null | cut -d- -f1),$(shell uname -m))
ARCH    := $(if $(wildcard preload/arch/$(MACHINE)),$(MACHINE),generic)
PRELOAD_SOURCES := $(wildcard preload/hot/*.c preload/slow/*.c preload/process/*.c)
PRELOAD_ASSEMBLY := $(wildcard preload/arch/$(ARCH)/*.S)
PRELOAD_OBJECTS := $(PRELOAD_SOURCES:%.c=$(BUILD)/%.o) $(PRELOAD_ASSEMBLY:%.S=$(BUILD)/%.o)
# The hooks keep their frame pointer: unwinding starts from it. -fno-builtin-malloc and kin: inside
# malloc the compiler must not turn malloc+memset into calloc. No stack protector: it reads the TLS
# of the traced program at places where it may not be set up.
PRELOAD_CFLAGS := -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-omit-frame-pointer \
  -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -fno-stack-protector \
  -fno-exceptions -fasynchronous-unwind-tables -foptimize-sibling-calls
PRELOAD_INCLUDES := -Ipreload/include -Ipreload -Ipreload/arch/$(ARCH) -Ipreload/arch/generic

$(BUILD)/preload/%.o: preload/%.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) $(OPTIMIZE) $(CFLAGS) $(PRELOAD_CFLAGS) $(PRELOAD_INCLUDES) -MMD -MP -c -o $@ $<
$(BUILD)/preload/%.o: preload/%.S Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) $(CPPFLAGS) $(PRELOAD_INCLUDES) -fPIC -MMD -MP -c -o $@ $<
# -z now: no lazy binding inside malloc. -z nodelete: a dlclose must never unmap the hooks. What runs while
# this is built again keeps the old file, whole, as with the programs.
$(BUILD)/libmemtrace.so: $(PRELOAD_OBJECTS) preload/hot/exports.map
	$(call say,LINK,$@)$(CC) $(CFLAGS) -shared -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete -Wl,-z,defs -Wl,--build-id \
	  -Wl,--version-script=preload/hot/exports.map -Wl,-soname,libmemtrace.so $(LDFLAGS) -o $@.new $(PRELOAD_OBJECTS) && mv -f $@.new $@

# --- analyzer: memtrace ------------------------------------------------------------------------
ANALYZER_SOURCES := $(wildcard analyzer/*.c analyzer/*/*.c)
ANALYZER_OBJECTS := $(ANALYZER_SOURCES:%.c=$(BUILD)/%.o)
ANALYZER_LIBS := -ldw -lelf -ljansson -liberty -lzstd -lm -pthread
# `make check-asan` sets it: for the analyzer and its unit tests, never for what is preloaded or traced.
SANITIZE ?=
$(BUILD)/analyzer/%.o: analyzer/%.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) $(OPTIMIZE) $(CFLAGS) $(SANITIZE) -Ianalyzer -Ipreload/include -MMD -MP -c -o $@ $<
$(BUILD)/memtrace: $(ANALYZER_OBJECTS)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@.new $(ANALYZER_OBJECTS) $(ANALYZER_LIBS) $(LDLIBS) && mv -f $@.new $@

# --- target: scanner ---------------------------------------------------------------------------
TARGET_SOURCES := $(wildcard target/lib/*.c target/cli/*.c)
# The default rules are part of the program: data files turned into one more object of the library.
TARGET_RULES := $(sort $(wildcard target/rules/*.rules))
TARGET_OBJECTS := $(TARGET_SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/target/lib/rules_builtin.o
TARGET_LIBS := -lpcre2-8 -ljansson -lm
$(BUILD)/target/%.o: target/%.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) $(OPTIMIZE) $(CFLAGS) -Itarget/include -Itarget/lib -Ipreload/include -MMD -MP -c -o $@ $<
$(BUILD)/target/lib/rules_builtin.c: target/rules/embed.sh $(TARGET_RULES)
	@mkdir -p $(@D)
	$(call say,EMBED,$@)sh target/rules/embed.sh $(TARGET_RULES) >$@.new && mv $@.new $@
$(BUILD)/target/lib/rules_builtin.o: $(BUILD)/target/lib/rules_builtin.c Makefile
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) $(OPTIMIZE) $(CFLAGS) -Itarget/lib -Itarget/include -MMD -MP -c -o $@ $<
$(BUILD)/scanner: $(TARGET_OBJECTS)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@.new $(TARGET_OBJECTS) $(TARGET_LIBS) $(LDLIBS) && mv -f $@.new $@

# --- tests -------------------------------------------------------------------------------------
# Shell tests are tests/**/X.t; C tests tests/**/X_test.c -> build/tests/**/X.t; what they run is
# tests/programs/X.c|.cpp -> build/tests/programs/X and tests/programs/libX.c -> libX.so.
TEST_SOURCES := $(sort $(shell find tests -name '*_test.c'))
TEST_UNITS   := $(TEST_SOURCES:%_test.c=$(BUILD)/%.t)
TEST_SCRIPTS := $(sort $(shell find tests -name '*.t'))
PROGRAM_LIBRARIES := $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/programs/lib*.c))
PROGRAMS := $(filter-out $(PROGRAM_LIBRARIES:.so=),$(patsubst %.c,$(BUILD)/%,$(wildcard tests/programs/*.c)) \
  $(patsubst %.cpp,$(BUILD)/%,$(wildcard tests/programs/*.cpp)))
TEST_INCLUDES := -Itests/lib -Ianalyzer $(PRELOAD_INCLUDES) -Itarget/include -Itarget/lib
TEST_LINK := -lcmocka $(ANALYZER_LIBS) $(TARGET_LIBS) -ldl -lpthread

# The compiler may drop an allocation whose block is never used: not in programs that count their calls.
PROGRAM_FLAGS := -O1 -g -Wall -Wextra -Werror -D_GNU_SOURCE -Ipreload/include -fno-builtin-malloc \
  -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -fno-builtin-aligned_alloc \
  -fno-builtin-posix_memalign -fno-builtin-strdup
# `/* flags: ... */` in a program: further compiler and linker flags of its own.
program_flags = $$(sed -n '1,40s:.*/\* *flags\: *\(.*[^ ]\) *\*/.*:\1:p' $<)

$(BUILD)/tests/%_test.o: tests/%_test.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) -O1 $(CFLAGS) $(SANITIZE) $(TEST_INCLUDES) -MMD -MP -c -o $@ $<
$(BUILD)/tests/%.t: $(BUILD)/tests/%_test.o
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@.new $(filter %.o,$^) $(filter %.a,$^) $(TEST_LIBS) $(TEST_LINK) $(LDLIBS) && mv -f $@.new $@
$(BUILD)/analyzer.a: $(filter-out $(BUILD)/analyzer/main.o,$(ANALYZER_OBJECTS))
	$(call say,AR,$@)rm -f $@; $(AR) rcs $@ $^
$(BUILD)/target.a: $(filter $(BUILD)/target/lib/%,$(TARGET_OBJECTS))
	$(call say,AR,$@)rm -f $@; $(AR) rcs $@ $^
$(BUILD)/tests/programs/lib%.so: tests/programs/lib%.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 $(PROGRAM_FLAGS) -fPIC -shared -MMD -MP -MF $(@:.so=.d) -MT $@ -o $@.new $< $(program_flags) && mv -f $@.new $@
$(BUILD)/tests/programs/%: tests/programs/%.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 $(PROGRAM_FLAGS) -MMD -MP -MF $@.d -MT $@ -o $@.new $< $(program_flags) && mv -f $@.new $@
$(BUILD)/tests/programs/%: tests/programs/%.cpp Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$<)$(CXX) -std=gnu++17 $(PROGRAM_FLAGS) -MMD -MP -MF $@.d -MT $@ -o $@.new $< $(program_flags) && mv -f $@.new $@

# It has the walker inside, and is built for other machines, too.
$(BUILD)/tests/programs/frame_pointers: PROGRAM_FLAGS += $(PRELOAD_INCLUDES)

# Which objects a C test is linked with is said in the test itself.
$(BUILD)/tests/rules.mk: tests/lib/test_rules.sh $(TEST_SOURCES)
	@mkdir -p $(@D)
	@sh tests/lib/test_rules.sh $(BUILD) $(TEST_SOURCES) >$@

test-programs: $(PROGRAMS) $(PROGRAM_LIBRARIES)
test-units: $(TEST_UNITS)

# `make check` runs everything, `make check T=analyzer/reader/chunks` one test (a C test then builds
# only what it is linked with), `make check T=analyzer` a room, `T='analyzer e2e/bad_input'` several.
ifdef T
T_UNITS := $(filter $(foreach t,$T,$(BUILD)/tests/$t.t $(BUILD)/tests/$t/%),$(TEST_UNITS))
T_SCRIPTS := $(filter $(foreach t,$T,tests/$t.t tests/$t/%),$(TEST_SCRIPTS))
CHECKED := $(T_SCRIPTS) $(T_UNITS)
$(if $(strip $(CHECKED)),,$(error no test named '$T': neither tests/$T.t nor tests/$T_test.c))
CHECK_NEEDS := $(T_UNITS) $(if $(filter-out tests/lib/% tests/target/%,$(T_SCRIPTS)),build test-programs) \
  $(if $(filter tests/target/%,$(T_SCRIPTS)),$(BUILD)/scanner)
else
CHECKED := $(TEST_SCRIPTS) $(TEST_UNITS)
CHECK_NEEDS := build test-programs test-units
endif
# EXCEPT: tests to leave out, named as for T.
CHECKED := $(filter-out $(foreach t,$(EXCEPT),tests/$t.t $(BUILD)/tests/$t.t),$(CHECKED))
# How many tests run at once. A test's limit is TIME_LIMIT seconds, 300 unless set.
JOBS ?= 2
check: ## run every test, or one: make check T=analyzer/reader/chunks
check: $(CHECK_NEEDS)
	$(Q)BUILD='$(abspath $(BUILD))' TESTS='$(CURDIR)/tests' \
	  prove $(if $(filter 1,$V),-v) -j$(JOBS) --exec tests/lib/run_test $(CHECKED)

check-kill: ## kill -9 a recorded program at 100 random moments: is every returned call in the trace?
	$(Q)KILLS=100 TIME_LIMIT=1200 $(MAKE) --no-print-directory check T=e2e/kill_9

check-hostile: ## every hostile program 20 times plain and recorded (some 20 minutes); HOSTILE_REPEATS=5, HOSTILE_CASES=PATTERN
	$(Q)HOSTILE_REPEATS=$(or $(HOSTILE_REPEATS),20) TIME_LIMIT=7200 $(MAKE) --no-print-directory check T=hostile

check-stacks: ## are the recorder's stacks libunwind's? millions of them (build/check-stacks/agreement.csv)
check-stacks: build test-programs
	@rm -rf $(BUILD)/check-stacks && mkdir -p $(BUILD)/check-stacks
	$(Q)cd $(BUILD)/check-stacks && BUILD='$(abspath $(BUILD))' LC_ALL=C.UTF-8 \
	  python3 '$(CURDIR)/tests/preload/stack_agreement.py' --long --output agreement.csv

check-sampling: ## 1,000 seeds of a sampled load: how often do the intervals of the estimates hold?
	$(Q)SEEDS=1000 TIME_LIMIT=7200 $(MAKE) --no-print-directory check T=e2e/sampling V=1

check-asan: ## the analyzer's tests with the analyzer built with ASan and UBSan (build/asan)
	$(Q)ASAN_OPTIONS=abort_on_error=1:$(ASAN_OPTIONS) UBSAN_OPTIONS=print_stacktrace=1:$(UBSAN_OPTIONS) \
	  $(MAKE) --no-print-directory check BUILD=$(BUILD)/asan T='$(ASAN_TESTS)' EXCEPT='$(ASAN_EXCEPT)' \
	  SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
ASAN_TESTS ?= analyzer
# It preloads an allocator that fails into memtrace, where the sanitizer's own must come first.
ASAN_EXCEPT := analyzer/commands/no_memory

# Each measurement is a program of its own in tests/bench; make bench B=analysis runs one.
BENCHMARKS := $(sort $(wildcard tests/bench/*.py tests/bench/*.sh))
bench: ## measure, beside heaptrack where it is installed (make deps-bench); one: make bench B=analysis
bench: build test-programs
	$(Q)for benchmark in $(if $B,$(filter tests/bench/$B.%,$(BENCHMARKS)),$(BENCHMARKS)); do \
	  echo "== $$benchmark"; BUILD='$(abspath $(BUILD))' $$benchmark || exit 1; done

bench-recorder: ## what recording costs: all tools, 5 rounds, 15 minutes; OPTIONS=--quick for a first look
bench-recorder: build test-programs
	$(Q)BUILD='$(abspath $(BUILD))' tests/bench/recorder.py $(OPTIONS)

check-fresh: ## `make demo` and `make check` of HEAD in a minimal root file system (needs root, mmdebstrap)
	$(Q).ci/install_packages mmdebstrap
	$(Q).ci/check_fresh

# --- what it needs -----------------------------------------------------------------------------
DEPS := gcc g++ make libc6-dev pkg-config binutils git perl python3 \
  libunwind-dev uthash-dev libdw-dev libelf-dev libjansson-dev libiberty-dev libzstd-dev libpcre2-dev libcmocka-dev \
  gnuplot-nox fonts-dejavu-core fontconfig valgrind gdb libjemalloc2 libtcmalloc-minimal4 sqlite3 jq xz-utils zstd file bc procps strace
DEPS_LINT := clang clang-format clang-tidy cppcheck
DEPS_CROSS := gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
DEPS_BENCH := heaptrack hyperfine linux-perf libgoogle-perftools4 libjemalloc2 libc-devtools redis-tools clang
deps: ## install what building, testing and the demonstration need (apt)
	$(Q).ci/install_packages $(DEPS)
deps-lint: ## install what make lint, format and CC=clang need
	$(Q).ci/install_packages $(DEPS_LINT)
deps-cross: ## install what make cross needs, and an emulator to run it
	$(Q).ci/install_packages $(DEPS_CROSS)
deps-bench: ## install what measurements are compared with, as far as this distribution has it
	$(Q).ci/install_packages --if-available $(DEPS_BENCH)

# --- other machines ----------------------------------------------------------------------------
# The recorder alone, and what its test runs: the analyzer reads the traces of any machine, wherever it runs.
CROSS ?= aarch64-linux-gnu
CROSS_BUILD = $(BUILD)/$(firstword $(subst -, ,$(CROSS)))
CROSS_PROGRAMS := linked_list aligned failing realloc_chain fork_tree frame_pointers hostile_threads hostile_signals \
  hostile_sandbox keeps_records libreentrant_malloc.so
cross: ## build libmemtrace.so for aarch64 into build/aarch64 (make deps-cross); CROSS=riscv64-linux-gnu: for that
	$(Q)$(MAKE) --no-print-directory CC=$(CROSS)-gcc BUILD=$(CROSS_BUILD) $(CROSS_BUILD)/libmemtrace.so \
	  $(CROSS_PROGRAMS:%=$(CROSS_BUILD)/tests/programs/%)
# ... and for an emulator that does not do what recording relies on.
	$(Q)$(MAKE) --no-print-directory CC=$(CROSS)-gcc BUILD=$(CROSS_BUILD)/emulated \
	  CPPFLAGS='-include $(CURDIR)/tests/lib/emulated_syscalls.h' $(CROSS_BUILD)/emulated/libmemtrace.so

# --- demonstration -----------------------------------------------------------------------------
DEMO := $(BUILD)/demo
DEMO_PROMPTS := target/samples/prompts.jsonl
demo: ## install, build, trace the scanner on real prompts, analyze, plot (build/demo)
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory build
	$(Q)BUILD='$(abspath $(BUILD))' DEMO='$(DEMO)' PROMPTS='$(DEMO_PROMPTS)' .ci/demo

docs-images: demo ## the pictures and the report that README.md shows
	$(Q)DEMO='$(DEMO)' .ci/docs_images

# --- style and static checks -------------------------------------------------------------------
SOURCES := $(sort $(shell find preload analyzer target tests -name '*.[ch]' -o -name '*.cpp'))
LINTED := $(PRELOAD_SOURCES) $(ANALYZER_SOURCES) $(TARGET_SOURCES)
format: ## lay the sources out by .clang-format
	$(Q)clang-format -i $(SOURCES)
format-check: ## say which sources are not laid out by .clang-format
	$(Q)clang-format --dry-run --Werror $(SOURCES)
lint: format-check lint-includes lint-hot lint-tidy lint-cppcheck ## every static check
lint-includes: build ## do the rooms include only what they may?
	$(Q)python3 tests/lint/include_arrows.py $(BUILD)
lint-hot: build ## do the hooks call only what they may?
	$(Q)sh tests/lint/hot_symbols.sh $(BUILD)
lint-tidy: $(LINTED:%=$(BUILD)/tidy/%)
$(BUILD)/tidy/preload/%: preload/% .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$<)clang-tidy --quiet $< -- $(STANDARD) $(PRELOAD_INCLUDES) 2>$@.log || { cat $@.log >&2; exit 1; }
	@touch $@
$(BUILD)/tidy/analyzer/%: analyzer/% .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$<)clang-tidy --quiet $< -- $(STANDARD) -Ianalyzer -Ipreload/include 2>$@.log || { cat $@.log >&2; exit 1; }
	@touch $@
$(BUILD)/tidy/target/%: target/% .clang-tidy
	@mkdir -p $(@D)
	$(call say,TIDY,$<)clang-tidy --quiet $< -- $(STANDARD) -Itarget/include -Itarget/lib -Ipreload/include 2>$@.log || { cat $@.log >&2; exit 1; }
	@touch $@
# allocaCalled: execl's arguments are copied in what may be the child of a vfork, where nothing may be allocated.
CPPCHECK_EXCEPT := allocaCalled
lint-cppcheck:
	@mkdir -p $(BUILD)/cppcheck
	$(call say,CPPCHECK,'$(words $(LINTED)) files')cppcheck --quiet --std=c11 --enable=warning,portability \
	  --inline-suppr --error-exitcode=1 --cppcheck-build-dir=$(BUILD)/cppcheck $(CPPCHECK_EXCEPT:%=--suppress=%) \
	  -D_GNU_SOURCE -D__linux__ -D__x86_64__ '-D__attribute__(x)=' -Ianalyzer $(PRELOAD_INCLUDES) -Itarget/include -Itarget/lib $(LINTED)

# --- install -----------------------------------------------------------------------------------
# memtrace finds what belongs to it beside itself: ../lib/memtrace/libmemtrace.so, ../share/memtrace/plots.
MANUALS := $(wildcard docs/man/*.1 docs/man/*.7)
PLOTS := $(wildcard plots/*.gp)
install: ## install below $(DESTDIR)$(PREFIX)
install: build
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/memtrace $(DESTDIR)$(PREFIX)/share/memtrace/plots \
	  $(DESTDIR)$(PREFIX)/include/memtrace
	$(Q)install -m 755 $(BUILD)/memtrace $(DESTDIR)$(PREFIX)/bin/memtrace
	$(Q)install -m 755 $(BUILD)/libmemtrace.so $(DESTDIR)$(PREFIX)/lib/memtrace/libmemtrace.so
	$(Q)install -m 644 preload/include/memtrace/memtrace.h $(DESTDIR)$(PREFIX)/include/memtrace/memtrace.h
	$(if $(PLOTS),$(Q)install -m 644 $(PLOTS) $(DESTDIR)$(PREFIX)/share/memtrace/plots/)
	$(Q)for manual in $(MANUALS); do \
	  install -D -m 644 $$manual $(DESTDIR)$(PREFIX)/share/man/man$${manual##*.}/$${manual##*/} || exit 1; done
uninstall: ## remove what install put there
	$(Q)rm -f $(DESTDIR)$(PREFIX)/bin/memtrace $(DESTDIR)$(PREFIX)/include/memtrace/memtrace.h
	$(Q)rm -rf $(DESTDIR)$(PREFIX)/lib/memtrace $(DESTDIR)$(PREFIX)/share/memtrace
	$(Q)rm -f $(foreach m,$(MANUALS),$(DESTDIR)$(PREFIX)/share/man/man$(patsubst .%,%,$(suffix $m))/$(notdir $m))
	$(Q)rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/include/memtrace 2>/dev/null || true

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS="$$(printf '\t')" read -r target text; do \
	  printf '  %-14s %s\n' "$$target" "$$text"; done

clean: ## remove build/
	$(Q)rm -rf $(BUILD)

-include $(PRELOAD_OBJECTS:.o=.d) $(ANALYZER_OBJECTS:.o=.d) $(TARGET_OBJECTS:.o=.d)
-include $(TEST_UNITS:.t=_test.d) $(PROGRAMS:=.d) $(PROGRAM_LIBRARIES:.so=.d)
ifneq ($(MAKECMDGOALS),clean)
include $(BUILD)/tests/rules.mk
endif
.PHONY: all build clean help check bench bench-recorder check-kill check-stacks check-sampling check-hostile check-asan check-fresh test-programs test-units deps deps-lint \
  deps-cross cross deps-bench demo docs-images format format-check lint lint-includes lint-hot lint-tidy lint-cppcheck install uninstall
.SECONDARY: $(TEST_UNITS:.t=_test.o)
