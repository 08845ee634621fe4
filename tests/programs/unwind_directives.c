/* Code with CFI that compilers seldom or never write, for unwind_rules.t to compare with readelf: every
 * instruction of DWARF 5, section 6.4.2, that assemblers can be made to emit. Never called. */
int main(void)
{
    return 0;
}

__asm__(".text\n"
        ".type rare_cfi, @function\n"
        "rare_cfi:\n"
        ".cfi_startproc\n"
        "nop\n"
        ".cfi_def_cfa %rsp, 1048576\n" /* offsets of several bytes */
        ".cfi_offset %rbp, -4096\n"
        "nop\n"
        ".cfi_remember_state\n" /* nested as deep as is followed */
        ".cfi_def_cfa_register %rbp\n"
        "nop\n"
        ".cfi_remember_state\n"
        ".cfi_def_cfa_offset 24\n"
        ".cfi_restore %rbp\n"
        ".cfi_remember_state\n"
        "nop\n"
        ".cfi_same_value %rbp\n"
        ".cfi_remember_state\n"
        ".cfi_undefined %rbp\n"
        "nop\n"
        ".cfi_restore_state\n"
        "nop\n"
        ".cfi_restore_state\n"
        "nop\n"
        ".cfi_restore_state\n"
        "nop\n"
        ".cfi_restore_state\n"
        "nop\n"
        ".cfi_adjust_cfa_offset -8\n"
        ".skip 300, 0x90\n"           /* advance_loc2 */
        ".cfi_escape 0x12, 7, 0x7e\n" /* def_cfa_sf rsp, -2 x data factor = +16 */
        "nop\n"
        ".cfi_escape 0x13, 0x7c\n" /* def_cfa_offset_sf: +32 */
        ".skip 70000, 0x90\n"      /* advance_loc4 */
        ".cfi_escape 0x05, 6, 4\n" /* offset_extended rbp, c-32 */
        "nop\n"
        ".cfi_escape 0x11, 6, 0x7e\n" /* offset_extended_sf rbp, c+16 */
        "nop\n"
        ".cfi_escape 0x06, 6\n" /* restore_extended rbp */
        "nop\n"
        ".cfi_escape 0x2f, 6, 2\n" /* GNU_negative_offset_extended rbp */
        "nop\n"
        ".cfi_escape 0x2e, 16\n" /* GNU_args_size */
        "nop\n"
        ".cfi_escape 0x14, 6, 2\n" /* val_offset rbp: a value, not a place */
        "nop\n"
        ".cfi_escape 0x15, 6, 2\n" /* val_offset_sf rbp */
        "nop\n"
        ".cfi_register %rbp, %rax\n"
        "nop\n"
        ".cfi_restore %rbp\n"
        ".cfi_def_cfa %rbx, 16\n" /* a register that is not followed, and back */
        "nop\n"
        ".cfi_def_cfa_register %rsp\n"
        "nop\n"
        ".cfi_return_column 16\n"
        ".cfi_undefined %rip\n"
        "nop\n"
        ".cfi_restore %rip\n"
        "nop\n"
        ".cfi_offset %rip, -16\n"
        "nop\n"
        ".cfi_endproc\n"
        ".size rare_cfi, . - rare_cfi\n");
