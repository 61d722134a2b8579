#ifndef DSQ_WEIGHTS_FILE_H
#define DSQ_WEIGHTS_FILE_H
/* A weights file as names, types and views. Two readers fill it in: safetensors and npz. */
#include "weights.h"

/* type.dtype says how the numbers are stored. data: little endian, in C order, at any alignment. A tensor may be empty
   (a dimension of 0), which type_valid rejects. member: of npz; data is NULL until npz_load unpacks it. */
struct ZipMember;
typedef struct Entry { const char *name; Type type; const void *data; const struct ZipMember *member; } Entry;

struct WeightFile {
    Arena *arena;
    const uint8_t *map;
    size_t n;
    int file;          /* diag */
    VEC(Entry) entry;
    Dict index;        /* name -> entry */
};

/* Fill f->entry from f->map. False after an error that names the tensor or the place in the header. */
bool safetensors_read(WeightFile *f);
int64_t safetensors_bytes(const uint8_t *, size_t n); /* FileLimit.bytes */
bool npz_read(WeightFile *f);
/* The numbers of an entry of npz_read. False after an error. */
bool npz_load(WeightFile *f, Entry *);

/* Adds an entry. False after an error: the name is taken, empty, not UTF-8, or has control characters. */
bool weight_file_add(WeightFile *f, Entry e);

bool same_dims(const Type *, const Type *);
bool tensor_ignored(const char *name);
/* The name in the file of a tensor of the graph; prefix: WeightsOptions.prefix. */
const char *name_in_file(Arena *, const char *prefix, const char *name);

/* Where file and graph differ. (differences.c) */
typedef struct Differences {
    const WeightFile *f;
    const WeightsOptions *o;
    VEC(const Tensor *) wanted, missing, shape; /* wanted: all that the graph reads; shape: there, with another shape */
    VEC(const Entry *) unused;
} Differences;
void differences_report(const Differences *);

/* A text as a word for a shell, in single quotes where that is needed. */
const char *shell_word(Arena *, const char *);

/* Files of other programs (foreign.c). The message says what the file is and how to make weights of it. */
bool foreign_report(const WeightFile *); /* false, without a message, where the kind is not known */
void foreign_torch(const WeightFile *);
#endif
