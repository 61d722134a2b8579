#ifndef DSQ_ZIP_H
#define DSQ_ZIP_H
/* Members of a ZIP archive in memory. A library would copy them; weights want views of those that are stored. */
#include "../../ir/base/base.h"

typedef struct ZipMember {
    const char *name;
    const uint8_t *data; /* as packed */
    int64_t packed, size;
    uint32_t crc;
    bool deflated;
} ZipMember;

typedef struct Zip { ZipMember *member; int n; } Zip;

/* PKWARE APPNOTE 6.3: central directory, ZIP64 too. Every range is checked against the archive, every size against
   what deflate can reach, their sum against 8 GiB. NULL, or what is wrong (in the arena). */
const char *zip_open(Arena *, const uint8_t *data, size_t n, Zip *);
/* The member's first n bytes, n at most its size: a view, or inflated into room. */
const char *zip_peek(Arena *, const ZipMember *, int64_t n, uint8_t *room, const uint8_t **out);
/* The member's bytes: a view, or inflated into the arena. The checksum is verified. */
const char *zip_read(Arena *, const ZipMember *, const uint8_t **out);
#endif
