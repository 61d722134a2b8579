#ifndef SEMIHOST_H
#define SEMIHOST_H
/* Console and exit without a libc: semihosting of Arm (M profile) and RISC-V. QEMU serves it with -semihosting-config
   enable=on,target=native. With HOSTED, an operating system's own. */
#ifdef HOSTED
#include <stdio.h>
static inline void put(const char *s) { fputs(s, stdout); }
#else
#include <stdint.h>

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, ADP_STOPPED_APPLICATION_EXIT = 0x20026 };

static inline intptr_t semihost(intptr_t op, const void *arg)
{
#if defined __arm__
    register intptr_t r0 __asm__("r0") = op;
    register const void *r1 __asm__("r1") = arg;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
#elif defined __riscv
    register intptr_t a0 __asm__("a0") = op;
    register const void *a1 __asm__("a1") = arg;
    /* The three must be uncompressed and on one page. Aligned before norvc: the place may be one for RVC alone. */
    __asm__ volatile(".balign 16\n .option push\n .option norvc\n"
                     " slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n .option pop"
                     : "+r"(a0) : "r"(a1) : "memory");
    return a0;
#endif
}

static inline void put(const char *s) { semihost(SYS_WRITE0, s); }
#endif
#endif
