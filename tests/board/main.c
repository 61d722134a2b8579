/* Runs a model once on board_input and prints the bits of its output, a line for each element, and the stack used.
   Built with -include MODEL.h and RUN, IN, OUT, ARENA, ALIGN, STACK for the names in it. */
#include <stdint.h>

#include "semihost.h"

extern const float board_input[IN];
int main(void);

static float output[OUT];
static unsigned char arena[ARENA] __attribute__((aligned(ALIGN)));

/* What the counting plugin looks for. They must differ, or they become one function. */
void mark_start(void);
void mark_stop(void);
__attribute__((noinline, used)) void mark_start(void) { __asm__ volatile("nop" ::: "memory"); }
__attribute__((noinline, used)) void mark_stop(void) { __asm__ volatile("nop\n nop" ::: "memory"); }

static void put_number(const char *name, uint32_t v, uint32_t base)
{
    char text[12] = {0}, *p = text + sizeof text - 2;
    *p = '\n';
    do
        *--p = "0123456789abcdef"[v % base];
    while (v /= base);
    put(name);
    put(p);
}

#ifndef HOSTED
#if defined __arm__
#define READ_SP "mov %0, sp"
#else
#define READ_SP "mv %0, sp"
#endif
static const uint32_t paint = 0x5AA5C33Cu;
extern uint32_t __stack_limit[];

static inline uintptr_t stack_pointer(void)
{
    uintptr_t sp;
    __asm__ volatile(READ_SP : "=r"(sp));
    return sp;
}

/* All but the 64 bytes next to the caller's frame, where this function's own may be. */
__attribute__((noinline)) static void paint_stack(void)
{
    uint32_t *end = (uint32_t *)stack_pointer() - 16;
    for (uint32_t *p = __stack_limit; p < end; p++)
        *(volatile uint32_t *)p = paint;
}

static uint32_t stack_used(uintptr_t top)
{
    const uint32_t *p = __stack_limit;
    while (*(const volatile uint32_t *)p == paint)
        p++;
    return (uint32_t)(top - (uintptr_t)p);
}
#endif

int main(void)
{
    for (uint32_t i = 0; i < ARENA; i++)
        ((volatile unsigned char *)arena)[i] = 0xff; /* NaN, wherever something is read before it is written */
#ifndef HOSTED
    paint_stack();
    uintptr_t top = stack_pointer();
#endif
    mark_start();
    int result = RUN(board_input, output, arena);
    mark_stop();
#ifndef HOSTED
    uint32_t used = stack_used(top);
    put_number("stack ", used, 10);
    put_number("bound ", STACK, 10);
#endif
    for (uint32_t i = 0; i < OUT; i++) {
        union { float f; uint32_t u; } bits = {.f = output[i]};
        put_number("out ", bits.u, 16);
    }
    return result;
}
