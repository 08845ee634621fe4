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

clean:
	rm -rf $(BUILD)

-include $(PRELOAD_OBJECTS:.o=.d) $(ANALYZER_OBJECTS:.o=.d) $(TARGET_OBJECTS:.o=.d)
.PHONY: all build clean
