/* The comment above a kernel. */
#include "c.h"

#include <string.h>

/* U+202A..U+202E and U+2066..U+2069 turn the direction of the text behind them; compilers warn, and rightly. */
static bool bidi(const unsigned char *s)
{
    return s[0] == 0xe2 &&
           ((s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae) || (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9));
}

void c_comment_text(Buf *b, const char *s, int indent)
{
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        if (*p == '\n')
            buf_printf(b, "\n%*s", indent, "");
        else if (bidi(p)) {
            buf_putc(b, '?');
            p += 2;
        } else if ((p[0] == '*' && p[1] == '/') || (p[0] == '/' && p[1] == '*')) {
            buf_printf(b, "%c %c", p[0], p[1]);
            p++;
        } else
            buf_putc(b, *p < ' ' || *p == 127 ? '?' : (char)*p);
    }
}

static const char *thousands(Arena *A, int64_t n)
{
    if (n < 1000)
        return arena_printf(A, "%lld", (long long)n);
    return arena_printf(A, "%s,%03d", thousands(A, n / 1000), (int)(n % 1000));
}

static bool said(const char *s)
{
    return s && *s;
}

static void call_comment(CFile *c, Buf *b, const Call *call)
{
    buf_puts(b, "\n   ");
    c_comment_text(b, said(call->layers) ? call->layers : said(call->op) ? call->op : "call", 3);
    const char *place = loc_text(c->A, call->loc);
    if (*place) {
        buf_puts(b, "   ");
        c_comment_text(b, place, 3);
    }
    buf_puts(b, "\n     ");
    if (said(call->shape))
        buf_printf(b, "%s", call->shape);
    if (said(call->epilogue)) {
        buf_puts(b, said(call->shape) ? ", epilogue " : "epilogue ");
        c_comment_text(b, call->epilogue, 5);
    }
    if (said(call->shape) || said(call->epilogue))
        buf_puts(b, "; ");
    if (call->macs)
        buf_printf(b, "%s MACs, ", thousands(c->A, call->macs));
    buf_printf(b, "reads %s B, writes %s B", thousands(c->A, call->bytes_read), thousands(c->A, call->bytes_written));
    if (said(call->why))
        buf_printf(b, "; no index map: %s", call->why);
}

void c_kernel_comment(CFile *c, Buf *b, int kernel)
{
    const Kernel *k = &c->p->kernel.v[kernel];
    buf_puts(b, "/* ");
    c_comment_text(b, said(k->title) ? k->title : k->name, 3);
    for (int i = 0; i < c->p->call.n; i++)
        if (c->p->call.v[i].kernel == kernel)
            call_comment(c, b, &c->p->call.v[i]);
    buf_puts(b, " */\n");
}
