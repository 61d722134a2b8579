/* How much machine code an object file holds: the sections that can be executed. ELF of either width, little-
   endian. */
#include <elf.h>
#include <string.h>

#include "cc.h"
#include "../io/io.h"

static int64_t code32(const uint8_t *f, size_t n)
{
    Elf32_Ehdr h;
    Elf32_Shdr s;
    int64_t sum = 0;
    memcpy(&h, f, sizeof h);
    for (size_t i = 0, at = h.e_shoff; i < h.e_shnum && at + sizeof s <= n; i++, at += sizeof s) {
        memcpy(&s, f + at, sizeof s);
        sum += s.sh_flags & SHF_EXECINSTR ? s.sh_size : 0;
    }
    return sum;
}

static int64_t code64(const uint8_t *f, size_t n)
{
    Elf64_Ehdr h;
    Elf64_Shdr s;
    int64_t sum = 0;
    memcpy(&h, f, sizeof h);
    for (size_t i = 0, at = h.e_shoff; i < h.e_shnum && at + sizeof s <= n; i++, at += sizeof s) {
        memcpy(&s, f + at, sizeof s);
        sum += s.sh_flags & SHF_EXECINSTR ? (int64_t)s.sh_size : 0;
    }
    return sum;
}

bool object_code_bytes(const char *path, int64_t *bytes)
{
    size_t n;
    const uint8_t *f = map_file(path, &n);
    if (!f)
        return false;
    bool ok = n >= sizeof(Elf64_Ehdr) && !memcmp(f, ELFMAG, SELFMAG) && f[EI_DATA] == ELFDATA2LSB;
    if (ok)
        *bytes = f[EI_CLASS] == ELFCLASS64 ? code64(f, n) : code32(f, n);
    else
        error_at(loc_file(diag_file(path, NULL, 0)), "the C compiler made no little-endian ELF object");
    unmap_file(f, n);
    return ok;
}
