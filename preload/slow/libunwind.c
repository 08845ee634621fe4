/* The portable unwinder behind the interface of our own. It is opened on demand and kept local: libunwind
 * exports _Unwind_RaiseException and its kin, which as a dependency of the recorder would come before
 * libgcc's in every C++ program. It steps instead of calling unw_backtrace, which is faster but leaves the
 * recorder's frames in, knows no interrupted address from a return address, and does not say whether it
 * stopped for want of room. */
#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <stddef.h>

#include "hot/unwind.h"

#if __has_include(<libunwind.h>)
#include <libunwind.h>

/* libunwind.h renames every function for the machine and for local use; these are the names in the library.
 */
#define NAME_OF(function)  NAME_OF_(function)
#define NAME_OF_(function) #function

/* The recorder's frames between here and the hook's caller; more of them would be a mistake of libunwind's.
 */
#define OWN_FRAMES_LIMIT 16

static struct {
    int (*getcontext)(unw_tdep_context_t *);
    int (*init_local)(unw_cursor_t *, unw_context_t *);
    int (*step)(unw_cursor_t *);
    int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
    int (*is_signal_frame)(unw_cursor_t *);
} libunwind;

bool libunwind_open(void)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (!library) return false;
    *(void **)&libunwind.getcontext = dlsym(library, NAME_OF(unw_tdep_getcontext));
    *(void **)&libunwind.init_local = dlsym(library, NAME_OF(unw_init_local));
    *(void **)&libunwind.step = dlsym(library, NAME_OF(unw_step));
    *(void **)&libunwind.get_reg = dlsym(library, NAME_OF(unw_get_reg));
    *(void **)&libunwind.is_signal_frame = dlsym(library, NAME_OF(unw_is_signal_frame));
    if (libunwind.getcontext && libunwind.init_local && libunwind.step && libunwind.get_reg &&
        libunwind.is_signal_frame)
        return true;
    dlclose(library);
    return false;
}

/* Step CURSOR out of the recorder, to the frame of FROM. False: it was not reached. */
static bool skip_own_frames(unw_cursor_t *cursor, const struct unwind_registers *from)
{
    for (unsigned i = 0; i < OWN_FRAMES_LIMIT; i++) {
        unw_word_t pc, sp;
        if (libunwind.step(cursor) <= 0) return false;
        if (libunwind.get_reg(cursor, UNW_REG_IP, &pc) || libunwind.get_reg(cursor, UNW_REG_SP, &sp))
            return false;
        if (pc == from->pc && sp == from->sp) return true;
    }
    return false;
}

uint32_t libunwind_stack(const struct unwind_registers *from, uint64_t *frames, uint32_t max,
                         enum unwind_end *ended)
{
    unw_tdep_context_t context;
    unw_cursor_t cursor;
    uint32_t depth = 1;
    *ended = UNWIND_NO_CFI;
    frames[0] = from->pc;
    libunwind.getcontext(&context);
    if (libunwind.init_local(&cursor, &context) == 0 && skip_own_frames(&cursor, from)) {
        for (;;) {
            unw_word_t pc = 0;
            int stepped = libunwind.step(&cursor);
            if (stepped > 0) libunwind.get_reg(&cursor, UNW_REG_IP, &pc);
            if (stepped < 0) break;
            if (pc == 0) {
                *ended = UNWIND_OUTERMOST;
                break;
            }
            if (depth == max) {
                *ended = UNWIND_DEPTH_LIMIT;
                break;
            }
            frames[depth++] = pc + (libunwind.is_signal_frame(&cursor) > 0);
        }
    }
    if (*ended != UNWIND_OUTERMOST) recorder_count(*ended);
    return depth;
}

#else /* a cross build without the other machine's headers: the sizes of its structures are not known */

bool libunwind_open(void)
{
    return false;
}

/* Never called then: whatever its parameters, it is the function above. */
__asm__(".globl libunwind_stack\n\t.hidden libunwind_stack\n\t.set libunwind_stack, libunwind_open");

#endif
