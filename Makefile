# memtrace: build, test and measure. `make help` lists the targets.
# Lists are by wildcard, header dependencies by -MMD, everything built goes under build/.

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
build: $(BUILD)/libmemtrace.so $(BUILD)/memtrace $(BUILD)/scanner

# --- preload: libmemtrace.so -------------------------------------------------------------------
MACHINE := $(shell $(CC) -dumpmachine | cut -d- -f1)
ARCH    := $(if $(wildcard preload/arch/$(MACHINE)),$(MACHINE),generic)
PRELOAD_SOURCES := $(wildcard preload/hot/*.c preload/slow/*.c preload/process/*.c)
PRELOAD_ASSEMBLY := $(wildcard preload/arch/$(ARCH)/*.S)
PRELOAD_OBJECTS := $(PRELOAD_SOURCES:%.c=$(BUILD)/%.o) $(PRELOAD_ASSEMBLY:%.S=$(BUILD)/%.o)
# The hooks keep their frame pointer: unwinding starts from it. -fno-builtin-malloc and kin: inside
# malloc the compiler must not turn malloc+memset into calloc. No stack protector: it reads the TLS
# of the traced program at places where it may not be set up.
PRELOAD_CFLAGS := -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-omit-frame-pointer \
  -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -fno-stack-protector \
  -fno-exceptions -fasynchronous-unwind-tables
PRELOAD_INCLUDES := -Ipreload/include -Ipreload -Ipreload/arch/$(ARCH) -Ipreload/arch/generic

$(BUILD)/preload/%.o: preload/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) $(OPTIMIZE) $(CFLAGS) $(PRELOAD_CFLAGS) $(PRELOAD_INCLUDES) -MMD -MP -c -o $@ $<
$(BUILD)/preload/%.o: preload/%.S Makefile
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) $(CPPFLAGS) $(PRELOAD_INCLUDES) -fPIC -MMD -MP -c -o $@ $<
# -z now: no lazy binding inside malloc. -z nodelete: a dlclose must never unmap the hooks.
$(BUILD)/libmemtrace.so: $(PRELOAD_OBJECTS) preload/hot/exports.map
	$(call say,LINK,$@)$(CC) $(CFLAGS) -shared -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete -Wl,-z,defs -Wl,--build-id \
	  -Wl,--version-script=preload/hot/exports.map -Wl,-soname,libmemtrace.so $(LDFLAGS) -o $@ $(PRELOAD_OBJECTS)

# --- analyzer: memtrace ------------------------------------------------------------------------
ANALYZER_SOURCES := $(wildcard analyzer/*.c analyzer/*/*.c)
ANALYZER_OBJECTS := $(ANALYZER_SOURCES:%.c=$(BUILD)/%.o)
ANALYZER_LIBS := -ldw -lelf -ljansson -liberty -lm
$(BUILD)/analyzer/%.o: analyzer/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) $(OPTIMIZE) $(CFLAGS) -Ianalyzer -Ipreload/include -MMD -MP -c -o $@ $<
$(BUILD)/memtrace: $(ANALYZER_OBJECTS)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(ANALYZER_OBJECTS) $(ANALYZER_LIBS) $(LDLIBS)

# --- target: scanner ---------------------------------------------------------------------------
TARGET_SOURCES := $(wildcard target/lib/*.c target/cli/*.c)
TARGET_OBJECTS := $(TARGET_SOURCES:%.c=$(BUILD)/%.o)
TARGET_LIBS := -lpcre2-8 -ljansson
$(BUILD)/target/%.o: target/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) $(OPTIMIZE) $(CFLAGS) -Itarget/include -Itarget/lib -MMD -MP -c -o $@ $<
$(BUILD)/scanner: $(TARGET_OBJECTS)
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(TARGET_OBJECTS) $(TARGET_LIBS) $(LDLIBS)

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

$(BUILD)/tests/%_test.o: tests/%_test.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(STANDARD) $(WARNINGS) -O1 $(CFLAGS) $(TEST_INCLUDES) -MMD -MP -c -o $@ $<
$(BUILD)/tests/%.t: $(BUILD)/tests/%_test.o
	$(call say,LINK,$@)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TEST_LIBS) $(TEST_LINK) $(LDLIBS)
$(BUILD)/analyzer.a: $(filter-out $(BUILD)/analyzer/main.o,$(ANALYZER_OBJECTS))
	$(call say,AR,$@)rm -f $@; $(AR) rcs $@ $^
$(BUILD)/target.a: $(filter $(BUILD)/target/lib/%,$(TARGET_OBJECTS))
	$(call say,AR,$@)rm -f $@; $(AR) rcs $@ $^
$(BUILD)/tests/programs/lib%.so: tests/programs/lib%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 $(PROGRAM_FLAGS) -fPIC -shared -MMD -MP -MF $(@:.so=.d) -o $@ $< $(program_flags)
$(BUILD)/tests/programs/%: tests/programs/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) -std=gnu11 $(PROGRAM_FLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< $(program_flags)
$(BUILD)/tests/programs/%: tests/programs/%.cpp Makefile
	@mkdir -p $(@D)
	$(call say,CXX,$<)$(CXX) -std=gnu++17 $(PROGRAM_FLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< $(program_flags)

# Which objects a C test is linked with is said in the test itself.
$(BUILD)/tests/rules.mk: tests/lib/test_rules.sh $(TEST_SOURCES)
	@mkdir -p $(@D)
	@sh tests/lib/test_rules.sh $(BUILD) $(TEST_SOURCES) >$@

test-programs: $(PROGRAMS) $(PROGRAM_LIBRARIES)
test-units: $(TEST_UNITS)

# `make check` runs everything, `make check T=analyzer/reader/chunks` one test (a C test then builds
# only what it is linked with), `make check T=analyzer` a room.
ifdef T
T_UNITS := $(filter $(BUILD)/tests/$(T).t $(BUILD)/tests/$(T)/%,$(TEST_UNITS))
T_SCRIPTS := $(filter tests/$(T).t tests/$(T)/%,$(TEST_SCRIPTS))
CHECKED := $(T_SCRIPTS) $(T_UNITS)
$(if $(strip $(CHECKED)),,$(error no test named '$(T)': neither tests/$(T).t nor tests/$(T)_test.c))
CHECK_NEEDS := $(T_UNITS) $(if $(filter-out tests/lib/% tests/target/%,$(T_SCRIPTS)),build test-programs) \
  $(if $(filter tests/target/%,$(T_SCRIPTS)),$(BUILD)/scanner)
else
CHECKED := $(TEST_SCRIPTS) $(TEST_UNITS)
CHECK_NEEDS := build test-programs test-units
endif
JOBS ?= 2
check: $(CHECK_NEEDS)
	$(Q)BUILD='$(abspath $(BUILD))' TESTS='$(CURDIR)/tests' \
	  prove $(if $(filter 1,$V),-v) -j$(JOBS) --exec tests/lib/run_test $(CHECKED)

clean:
	rm -rf $(BUILD)

-include $(PRELOAD_OBJECTS:.o=.d) $(ANALYZER_OBJECTS:.o=.d) $(TARGET_OBJECTS:.o=.d)
-include $(TEST_UNITS:.t=_test.d) $(PROGRAMS:=.d) $(PROGRAM_LIBRARIES:.so=.d)
ifneq ($(MAKECMDGOALS),clean)
include $(BUILD)/tests/rules.mk
endif
.PHONY: all build clean check test-programs test-units
.SECONDARY: $(TEST_UNITS:.t=_test.o)
