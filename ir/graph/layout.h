#ifndef DSQ_LAYOUT_H
#define DSQ_LAYOUT_H
/* Where the elements of a value lie in its storage. */
#include "../type.h"

struct Lex;

/* All distances are in elements.
   ROW: row-major in logical order, as the caller sees inputs and outputs.
   NHWC: rank 4 only. The storage is [N][top+H+bottom][left+W+right][cstride], cstride >= C, and the border is zero. The
   value is [N,C,H,W] or, with `last`, [N,H,W,C]. So a transpose from one to the other moves nothing.
   STRIDED: element (i0, i1, ...) lies first + sum of stride[d] * i_d. Where there is a table, dimension `axis` adds
   at[i] instead. So movement costs nothing: a transpose exchanges strides, a channel shuffle is a table. */
typedef enum Order { ORDER_ROW, ORDER_NHWC, ORDER_STRIDED } Order;
typedef struct Layout {
    Order order;
    int64_t cstride, border[4];                  /* NHWC: channel stride; top, left, bottom, right */
    bool last;                                   /* NHWC: channels are dimension 3, not 1 */
    int64_t first;                               /* from the start of the storage to where the layout begins */
    int64_t stride[MAX_RANK];                    /* STRIDED */
    int axis;
    const int64_t *at;
    int group;                                   /* > 0: all values of the group share a storage of `room` elements */
    int64_t room;
} Layout;

/* The dimensions that are channels, height and width of an NHWC layout. */
static inline int layout_channels(const Layout *l) { return l->last ? 3 : 1; }
static inline int layout_height(const Layout *l) { return l->last ? 1 : 2; }
static inline int layout_width(const Layout *l) { return l->last ? 2 : 3; }

Layout layout_row(void);
bool layout_eq(const Layout *, const Layout *, const Type *);
/* Elements of the storage that a value of this type lies in. */
int64_t layout_room(const Layout *, const Type *);
/* Elements from the start of the storage to the element at coord. */
int64_t layout_place(const Layout *, const Type *, const int64_t *coord);
/* Do neighbours along dimension d lie side by side? */
bool layout_contiguous(const Layout *, const Type *, int d);
/* All elements in row-major order, from storage that begins at memory. */
void layout_gather(const Layout *, const Type *, const float *memory, float *out);
const char *layout_check(Arena *, const Layout *, const Type *); /* NULL, or what is wrong */

/* " nhwc(c=64, border=[1,1,1,1]) group(1, room=4096)"; nothing for a plain row-major layout. */
void layout_print(Buf *, const Layout *, const Type *);
bool layout_parse(struct Lex *, const Type *, Layout *);         /* false after a message */
#endif
