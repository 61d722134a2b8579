#ifndef DSQ_TYPE_H
#define DSQ_TYPE_H
/* Tensor types and the constant tensors that weights arrive in. */
#include "base/base.h"
#include "base/diag.h"

/* name, bytes, text in IR and in specs (safetensors and ONNX spellings are mapped where they are read) */
#define DTYPES(X)                                                                                                      \
    X(F32, 4, "f32") X(F64, 8, "f64") X(F16, 2, "f16") X(BF16, 2, "bf16") X(I8, 1, "i8") X(U8, 1, "u8")                \
    X(I16, 2, "i16") X(U16, 2, "u16") X(I32, 4, "i32") X(U32, 4, "u32") X(I64, 8, "i64") X(U64, 8, "u64")              \
    X(BOOL, 1, "bool")
typedef enum DType {
#define X(n, b, t) DT_##n,
    DTYPES(X)
#undef X
    NDTYPES
} DType;
int dtype_size(DType);
const char *dtype_name(DType);
int dtype_parse(const char *s, int n); /* DType or -1 */

enum { MAX_RANK = 8 };
/* A limit on every tensor's elements: sizes and offsets fit int64 with room for bytes and strides. */
#define MAX_ELEMS ((int64_t)1 << 40)

/* Compare types with type_eq only: a type may get more fields, as of quantization. */
typedef struct Type { DType dtype; int rank; int64_t dim[MAX_RANK]; } Type;
Type type_make(DType, int rank, const int64_t *dim);
bool type_eq(const Type *, const Type *);
int64_t type_elems(const Type *);              /* 1 for rank 0 */
bool type_valid(const Type *);                 /* dims >= 1, elements <= MAX_ELEMS */
const char *type_text(Arena *, const Type *);  /* "f32[1,3,224,224]" */
/* Parses "f32[1,3,224,224]" at s, returns the characters read or 0. */
int type_parse(const char *s, Type *);

/* A constant. Its numbers are a view into a mapped file, or lie in the compilation's arena. data is NULL while they are
   not known: of a weight that is bound later, or in graph text without numbers. Numbers are never written to. */
typedef struct Tensor {
    const char *name;
    Type type;          /* the type that the graph expects, always f32 today */
    DType stored;       /* how data is stored; little endian, no alignment promised */
    const void *data;
    Loc loc;            /* where the spec declares it */
} Tensor;
/* Element i as double, whatever the storage. */
double tensor_at(const Tensor *, int64_t i);
/* All elements as f32 (rounded to nearest from wider types): a view where data is f32 and aligned, else a copy. */
const float *tensor_f32(Arena *, const Tensor *);
void tensor_f64(const Tensor *, double *out);

/* Constants have no subnormal numbers: zeros of the same sign replace them, for the reference as for compiled code.
   Processors take a hundred cycles and more for an operation on a subnormal number, and it is too small to matter. */
const float *without_subnormals(Arena *, const float *, int64_t n); /* the same numbers, or a copy */
void tensor_flush(Arena *, Tensor *);
#endif
