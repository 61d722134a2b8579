#ifndef DSQ_ZIP_H
#define DSQ_ZIP_H
/* Members of a ZIP archive in memory. Stored members are views; a library would copy them. */
#include "../../ir/base/base.h"

typedef struct ZipMember {
    const char *name;
    const uint8_t *data; /* as packed */
    int64_t packed, size;
    uint32_t crc;
    bool deflated;
} ZipMember;

typedef struct Zip { ZipMember *member; int n; } Zip;

/* Reads the central directory (PKWARE APPNOTE 6.3, ZIP64 too). NULL, or what is wrong (in the arena). Every range must
   lie in the archive, every size must be one that deflate can reach, and their sum must be at most 8 GiB. */
const char *zip_open(Arena *, const uint8_t *data, size_t n, Zip *);
/* The member's first n bytes, n at most its size: a view, or inflated into room. NULL, or what is wrong. */
const char *zip_peek(Arena *, const ZipMember *, int64_t n, uint8_t *room, const uint8_t **out);
/* The member's bytes: a view, or inflated into the arena. Checks the checksum. NULL, or what is wrong. */
const char *zip_read(Arena *, const ZipMember *, const uint8_t **out);
#endif
