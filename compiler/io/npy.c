/* The .npy format: numpy's "A Simple File Format for NumPy Arrays" (NEP 1), versions 1 to 3. */
#include "io.h"

#include <stdio.h>
#include <string.h>

/* The header is a Python dictionary literal with exactly these three keys. */
typedef struct Header { int dtype, width; bool big, fortran; int rank; int64_t dim[MAX_RANK]; } Header;
typedef struct NpyCursor { const char *p, *end; } NpyCursor;

static void blanks(NpyCursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r'))
        c->p++;
}

static bool eat(NpyCursor *c, char ch)
{
    blanks(c);
    if (c->p == c->end || *c->p != ch)
        return false;
    c->p++;
    return true;
}

static bool eat_word(NpyCursor *c, const char *word)
{
    size_t n = strlen(word);
    blanks(c);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n))
        return false;
    c->p += n;
    return true;
}

static bool quoted(NpyCursor *c, const char **s, int *n)
{
    blanks(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return false;
    const char *close = memchr(c->p + 1, *c->p, (size_t)(c->end - c->p - 1));
    if (!close || close - c->p > 64)
        return false;
    *s = c->p + 1;
    *n = (int)(close - *s);
    c->p = close + 1;
    return true;
}

static int dtype_of(char kind, int bytes)
{
    static const struct { char kind; int bytes; DType d; } known[] = {
        {'f', 2, DT_F16}, {'f', 4, DT_F32}, {'f', 8, DT_F64}, {'i', 1, DT_I8}, {'i', 2, DT_I16}, {'i', 4, DT_I32},
        {'i', 8, DT_I64}, {'u', 1, DT_U8}, {'u', 2, DT_U16}, {'u', 4, DT_U32}, {'u', 8, DT_U64}, {'b', 1, DT_BOOL},
    };
    for (int i = 0; i < LEN(known); i++)
        if (known[i].kind == kind && known[i].bytes == bytes)
            return known[i].d;
    return -1;
}

static const char *read_descr(Arena *a, NpyCursor *c, Header *h)
{
    const char *s;
    int n;
    if (!quoted(c, &s, &n))
        return "its header has no plain 'descr' (structured arrays cannot be read; save x['field'])";
    h->dtype = n == 3 && memchr("<>|=", s[0], 4) ? dtype_of(s[1], s[2] - '0') : -1;
    if (h->dtype < 0)
        return arena_printf(a, "cannot read numbers of dtype '%.*s'; save x.astype('float32')", n, s);
    h->width = s[2] - '0';
    h->big = s[0] == '>';
    return NULL;
}

static const char *npy_shape(Arena *a, NpyCursor *c, Header *h)
{
    if (!eat(c, '('))
        return "its header has no shape";
    while (!eat(c, ')')) {
        int64_t v = 0;
        blanks(c);
        const char *digits = c->p;
        for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
            if (!mul_ok(v, 10, &v) || !add_ok(v, *c->p - '0', &v))
                return "its shape overflows";
        if (c->p == digits)
            return "its shape is not a list of sizes";
        eat(c, 'L'); /* Python 2 */
        if (h->rank == MAX_RANK)
            return arena_printf(a, "it has more than %d dimensions", MAX_RANK);
        h->dim[h->rank++] = v;
        if (!eat(c, ',')) {
            if (!eat(c, ')'))
                return "its shape is not a list of sizes";
            break;
        }
    }
    return NULL;
}

static const char *read_header(Arena *a, NpyCursor *c, Header *h)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
    int seen = 0;
    if (!eat(c, '{'))
        return "its header is not a dictionary";
    while (!eat(c, '}')) {
        const char *key, *err = NULL;
        int n;
        if (!quoted(c, &key, &n) || !eat(c, ':'))
            return "its header is not a dictionary of names";
        int which = n == 5 && !memcmp(key, "descr", 5) ? DESCR
            : n == 13 && !memcmp(key, "fortran_order", 13) ? ORDER
            : n == 5 && !memcmp(key, "shape", 5) ? SHAPE : 0;
        if (!which || (seen & which))
            return arena_printf(a, "its header has the key '%.*s' %s", n, key,
                                which ? "twice" : "that is not expected");
        seen |= which;
        if (which == DESCR)
            err = read_descr(a, c, h);
        else if (which == SHAPE)
            err = npy_shape(a, c, h);
        else if (!(h->fortran = eat_word(c, "True")) && !eat_word(c, "False"))
            err = "its 'fortran_order' is neither True nor False";
        if (err)
            return err;
        if (!eat(c, ',')) {
            if (!eat(c, '}'))
                return "its header is not a dictionary";
            break;
        }
    }
    blanks(c);
    if (c->p != c->end)
        return "there is text behind its header";
    return seen == (DESCR | ORDER | SHAPE) ? NULL : "its header lacks 'descr', 'fortran_order' or 'shape'";
}

/* C order and little endian from whatever the file has. */
static const void *reorder(Arena *a, const Header *h, const Type *t, const uint8_t *from)
{
    int64_t n = type_elems(t), stride[MAX_RANK], index[MAX_RANK] = {0}, at = 0, s = 1;
    for (int i = 0; i < t->rank; i++) {
        int d = h->fortran ? i : t->rank - 1 - i;
        stride[d] = s;
        s *= t->dim[d];
    }
    uint8_t *to = arena_alloc(a, (size_t)n, (size_t)h->width, 8);
    for (int64_t i = 0; i < n; i++) {
        for (int b = 0; b < h->width; b++)
            to[i * h->width + b] = from[at * h->width + (h->big ? h->width - 1 - b : b)];
        for (int d = t->rank - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < t->dim[d])
                break;
            at -= stride[d] * t->dim[d];
            index[d] = 0;
        }
    }
    return to;
}

int64_t npy_header_bytes(const uint8_t *data, size_t n)
{
    if (n < 12 || memcmp(data, "\x93NUMPY", 6))
        return (int64_t)n;
    int64_t len = data[8] | data[9] << 8;
    return data[6] == 1 ? 10 + len : 12 + (len | (int64_t)data[10] << 16 | (int64_t)data[11] << 24);
}

int64_t npy_bytes(const uint8_t *data, size_t n)
{
    enum { MOST = 1 << 16 };
    int64_t head = npy_header_bytes(data, n), numbers = 0;
    size_t start = n >= 12 && data[6] == 1 ? 10 : 12;
    if (n < 12 || data[6] < 1 || data[6] > 3 || head > MOST)
        return 0;
    if (head > (int64_t)n)
        return ASK_AGAIN;
    Arena *A = arena_new();
    Header h = {0};
    NpyCursor c = {(const char *)data + start, (const char *)data + head};
    bool ok = !read_header(A, &c, &h);
    arena_free(A);
    Type t = type_make((DType)h.dtype, h.rank, h.dim);
    ok = ok && type_valid(&t) && mul_ok(type_elems(&t), h.width, &numbers) && add_ok(numbers, head, &numbers);
    return ok ? numbers : 0;
}

/* n of the `whole` bytes of the file. out: NULL where the type alone is asked for. */
static const char *parse(Arena *a, const uint8_t *data, size_t n, int64_t whole, Type *type, const void **out)
{
    if (n < 10 || memcmp(data, "\x93NUMPY", 6))
        return "is not a .npy file";
    if (data[6] < 1 || data[6] > 3)
        return arena_printf(a, "has version %d of the .npy format, 1 to 3 can be read", data[6]);
    size_t start = data[6] == 1 ? 10 : 12;
    if (n < 12 || npy_header_bytes(data, n) > (int64_t)n)
        return "ends within its header";
    size_t len = (size_t)npy_header_bytes(data, n) - start;
    Header h = {0};
    NpyCursor c = {(const char *)data + start, (const char *)data + start + len};
    const char *err = read_header(a, &c, &h);
    if (err)
        return err;
    Type t = type_make((DType)h.dtype, h.rank, h.dim);
    if (!type_valid(&t))
        return arena_printf(a, "has the shape %s, which is %s", type_text(a, &t),
                            type_elems(&t) ? "too large" : "empty");
    const uint8_t *numbers = data + start + len;
    int64_t want = type_elems(&t) * h.width, have = whole - (int64_t)(start + len);
    if (want != have)
        return arena_printf(a, "holds %lld bytes of numbers, %s takes %lld", (long long)have, type_text(a, &t),
                            (long long)want);
    *type = t;
    if (out)
        *out = (h.fortran && h.rank > 1) || (h.big && h.width > 1) ? reorder(a, &h, &t, numbers) : numbers;
    return NULL;
}

static bool npy_error(const char *path, const char *err)
{
    if (err)
        error_at(loc_file(diag_file(path, NULL, 0)), "%s", err);
    return !err;
}

bool npy_read(Arena *a, const uint8_t *data, size_t n, const char *path, Type *type, const void **data_out)
{
    return npy_error(path, parse(a, data, n, (int64_t)n, type, data_out));
}

bool npy_type(Arena *a, const uint8_t *data, size_t n, int64_t whole, const char *path, Type *type)
{
    return npy_error(path, parse(a, data, n, whole, type, NULL));
}

void npy_write(Buf *b, const Type *t, const float *x)
{
    Buf h = {0};
    buf_puts(&h, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < t->rank; i++)
        buf_printf(&h, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
    buf_puts(&h, t->rank == 1 ? ",), }" : "), }");
    while ((10 + h.n + 1) % 64)
        buf_putc(&h, ' ');
    buf_putc(&h, '\n');
    buf_write(b, "\x93NUMPY\1\0", 8);
    buf_putc(b, (char)(h.n & 255));
    buf_putc(b, (char)(h.n >> 8));
    buf_write(b, h.s, h.n);
    buf_free(&h);
    int64_t n = type_elems(t);
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        buf_write(b, x, (size_t)n * sizeof *x);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, &x[i], sizeof u);
        const char le[4] = {(char)u, (char)(u >> 8), (char)(u >> 16), (char)(u >> 24)};
        buf_write(b, le, 4);
    }
}
