/* Relocatable ELF files as LLVM writes them, little-endian, of 32 or 64 bits (System V ABI, chapter 4). */
#include "impl.h"

#include <elf.h>
#include <string.h>

typedef struct Section { uint64_t type, offset, size, link, name; } Section;
typedef struct File { const uint8_t *data; size_t n; bool wide; int sections; uint64_t table, entry; } File;

static bool inside(const File *f, uint64_t at, uint64_t n)
{
    return at <= f->n && n <= f->n - at;
}

static bool section(const File *f, int i, Section *s)
{
    uint64_t at = f->table + (uint64_t)i * f->entry;
    if (i < 0 || i >= f->sections)
        return false;
    if (f->wide) {
        Elf64_Shdr h;
        memcpy(&h, f->data + at, sizeof h);
        *s = (Section){h.sh_type, h.sh_offset, h.sh_size, h.sh_link, h.sh_name};
    } else {
        Elf32_Shdr h;
        memcpy(&h, f->data + at, sizeof h);
        *s = (Section){h.sh_type, h.sh_offset, h.sh_size, h.sh_link, h.sh_name};
    }
    return s->type == SHT_NOBITS || inside(f, s->offset, s->size);
}

static bool open_file(const uint8_t *data, size_t n, File *f, int *names)
{
    if (n < sizeof(Elf64_Ehdr) || memcmp(data, ELFMAG, SELFMAG) || data[EI_DATA] != ELFDATA2LSB)
        return false;
    *f = (File){.data = data, .n = n, .wide = data[EI_CLASS] == ELFCLASS64};
    if (f->wide) {
        Elf64_Ehdr h;
        memcpy(&h, data, sizeof h);
        f->sections = h.e_shnum, f->table = h.e_shoff, f->entry = h.e_shentsize, *names = h.e_shstrndx;
    } else {
        Elf32_Ehdr h;
        memcpy(&h, data, sizeof h);
        f->sections = h.e_shnum, f->table = h.e_shoff, f->entry = h.e_shentsize, *names = h.e_shstrndx;
    }
    return f->entry >= (f->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr)) &&
           inside(f, f->table, f->entry * (uint64_t)f->sections);
}

static const char *elf_string(Arena *A, const File *f, const Section *strings, uint64_t at)
{
    if (at >= strings->size)
        return "";
    const char *s = (const char *)f->data + strings->offset + at;
    return arena_strndup(A, s, strnlen(s, strings->size - at));
}

static void symbols(Arena *A, const File *f, const Section *table, const Section *strings, Elf *out)
{
    size_t size = f->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    for (uint64_t at = size; at + size <= table->size; at += size) { /* the first is none */
        uint64_t name, info, where;
        if (f->wide) {
            Elf64_Sym s;
            memcpy(&s, f->data + table->offset + at, sizeof s);
            name = s.st_name, info = s.st_info, where = s.st_shndx;
        } else {
            Elf32_Sym s;
            memcpy(&s, f->data + table->offset + at, sizeof s);
            name = s.st_name, info = s.st_info, where = s.st_shndx;
        }
        ElfSymbol e = {elf_string(A, f, strings, name), where == SHN_UNDEF, ELF64_ST_BIND(info) != STB_LOCAL};
        PUSH(A, &out->symbol, e);
    }
}

bool elf_read(Arena *A, const uint8_t *data, size_t n, const char *weights, Elf *out)
{
    File f;
    int names;
    Section s, strings;
    *out = (Elf){.weights_at = -1};
    if (!open_file(data, n, &f, &names) || !section(&f, names, &strings))
        return false;
    for (int i = 0; i < f.sections; i++) {
        Section of;
        if (!section(&f, i, &s))
            return false;
        if (s.type == SHT_SYMTAB && section(&f, (int)s.link, &of))
            symbols(A, &f, &s, &of, out);
        else if (s.type == SHT_PROGBITS && !strcmp(elf_string(A, &f, &strings, s.name), weights)) {
            out->weights_at = (int64_t)s.offset;
            out->weights_bytes = (int64_t)s.size;
        }
    }
    return true;
}
