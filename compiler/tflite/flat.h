#ifndef DSQ_TFLITE_FLAT_H
#define DSQ_TFLITE_FLAT_H
/* FlatBuffers, read where they lie: https://flatbuffers.dev/internals. A table is a row of fields, found by number
   through its vtable. Offsets to tables, vectors and texts go forward, so nothing contains itself. Nothing is copied,
   and no offset is followed before it is checked. What several tables share is counted each time: all reading together
   is in proportion to the file. */
#include "../../ir/base/base.h"

typedef enum FlatField {
#define FIELD(table, name, number) table##_##name,
#include "schema.def"
#undef FIELD
    NFIELDS
} FlatField;

/* where: what is being read, "tensor 4", for messages. bad: the first thing that is wrong, NULL: nothing is. */
typedef struct Flat {
    Arena *arena;
    const uint8_t *p;
    size_t n;
    int64_t budget;
    const char *where, *bad;
} Flat;

/* at 0: there is none. All its fields have their defaults then. */
typedef struct FlatTable { Flat *f; size_t at, vtable; int vbytes, bytes; } FlatTable;
/* p NULL, n 0: there is none. */
typedef struct FlatVector { Flat *f; const uint8_t *p; int64_t n; size_t at; } FlatVector;

/* The root of a file with that identifier. */
bool flat_open(Flat *, Arena *, const uint8_t *, size_t n, const char *identifier, FlatTable *root);
void flat_bad(Flat *, const char *fmt, ...) PRINTF(2, 3); /* the first one stays */

bool flat_has(FlatTable, FlatField);
int64_t flat_int(FlatTable, FlatField, int bytes, int64_t dflt); /* signed, of 1, 4 or 8 bytes */
uint64_t flat_unsigned(FlatTable, FlatField, int bytes, uint64_t dflt);
float flat_float(FlatTable, FlatField, float dflt);
FlatTable flat_table(FlatTable, FlatField);
FlatVector flat_vector(FlatTable, FlatField, int element_bytes);
const char *flat_text(FlatTable, FlatField);                  /* "" where there is none, or it holds a NUL */

int64_t vector_int(FlatVector, int64_t i, int bytes);
float vector_float(FlatVector, int64_t i);
FlatTable vector_table(FlatVector, int64_t i);                /* of a vector of tables (element_bytes 4) */
#endif
