/* Bare metal start for the Cortex-M MPS2 and MPS3 boards as QEMU models them, and for RISC-V 'virt': no file of a libc.
   The exit status of main, or 127 after a fault, becomes QEMU's. */
#include <stddef.h>
#include <stdint.h>

#include "semihost.h"

extern uint32_t __data_load[], __data_start[], __data_end[], __bss_start[], __bss_end[], __stack_top[];
int main(void);
void reset(void);
void quit(int status);

void quit(int status)
{
    const struct { intptr_t reason, status; } block = {ADP_STOPPED_APPLICATION_EXIT, status};
    semihost(SYS_EXIT_EXTENDED, &block);
    for (;;)
        continue;
}

static void init_ram(void)
{
    const uint32_t *from = __data_load;
    for (uint32_t *to = __data_start; to < __data_end; to++)
        *(volatile uint32_t *)to = *from++;
    for (uint32_t *to = __bss_start; to < __bss_end; to++)
        *(volatile uint32_t *)to = 0;
}

#if defined __arm__
#define CPACR ((volatile uint32_t *)0xE000ED88u)
#define CCR   ((volatile uint32_t *)0xE000ED14u)

static void fault(void)
{
    put("fault\n");
    quit(127);
}

void reset(void)
{
    *CPACR |= 0xFu << 20; /* CP10, CP11: the FPU and MVE */
    __asm__ volatile("dsb\n isb" ::: "memory");
#if defined __ARM_FEATURE_MVE
    *CCR |= 1u << 19; /* LOB: low overhead loops */
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
    init_ram();
    quit(main());
}

__attribute__((section(".vectors"), used)) static const struct { void *stack; void (*handler[15])(void); } vectors = {
    __stack_top,
    {reset, fault, fault, fault, fault, fault, NULL, NULL, NULL, NULL, fault, fault, NULL, fault, fault},
};

#elif defined __riscv
void start(void);
void start(void)
{
    init_ram();
    quit(main());
}

__asm__(".section .vectors,\"ax\"\n"
        ".globl reset\n"
        "reset:\n"
        " .option push\n .option arch, +zicsr\n .option norelax\n la gp, __global_pointer$\n"
        " la sp, __stack_top\n"
        " la t0, trap\n csrw mtvec, t0\n"
#if defined __riscv_flen
        " li t0, 0x2000\n csrs mstatus, t0\n" /* FS = initial: the FPU on */
#endif
        " .option pop\n j start\n"
        ".balign 4\n"
        "trap: li a0, 127\n j quit\n"
        ".text\n");
#endif
