/* Static libraries: the common ar format with the index of symbols that GNU's and LLVM's linkers read. */
#include "impl.h"

#include <string.h>

static void member_header(Buf *b, const char *name, size_t size)
{
    buf_printf(b, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, *name == '/' ? "0" : "644", size);
}

static void big32(Buf *b, size_t x)
{
    for (int i = 24; i >= 0; i -= 8)
        buf_putc(b, (char)(x >> i & 0xff));
}

static void pad(Buf *b)
{
    if (b->n % 2)
        buf_putc(b, '\n');
}

bool llvm_archive(const char *object, const char *name, OutDir *dir, const char *lib)
{
    size_t n;
    const uint8_t *data = map_file(object, &n);
    if (!data)
        return false;
    Arena *A = arena_new();
    Elf e = {0};
    elf_read(A, data, n, "", &e); /* an object of another format goes without an index */
    Buf names = {0}, b = {0};
    size_t count = 0;
    for (int i = 0; i < e.symbol.n; i++)
        if (e.symbol.v[i].global && !e.symbol.v[i].undefined) {
            buf_write(&names, e.symbol.v[i].name, strlen(e.symbol.v[i].name) + 1);
            count++;
        }
    if (names.n % 2)
        buf_putc(&names, 0);
    /* A name of more than 15 characters stands in a member of its own. */
    const char *file = arena_printf(A, "%s.o/", name), *entry = strlen(file) <= 16 ? file : "/0";
    size_t longer = entry == file ? 0 : strlen(file) + 1, index = 4 + 4 * count + names.n;
    size_t at = 8 + 60 + index + (longer ? 60 + longer + longer % 2 : 0);
    buf_puts(&b, "!<arch>\n");
    member_header(&b, "/", index);
    big32(&b, count);
    for (size_t i = 0; i < count; i++)
        big32(&b, at);
    buf_write(&b, names.s, names.n);
    if (longer) {
        member_header(&b, "//", longer);
        buf_printf(&b, "%s\n", file);
        pad(&b);
    }
    member_header(&b, entry, n);
    buf_write(&b, data, n);
    pad(&b);
    bool ok = outdir_add(dir, lib, b.s, b.n);
    buf_free(&names);
    buf_free(&b);
    unmap_file(data, n);
    arena_free(A);
    return ok;
}
