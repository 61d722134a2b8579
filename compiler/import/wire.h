#ifndef DSQ_ONNX_WIRE_H
#define DSQ_ONNX_WIRE_H
/* Protocol Buffers' wire format, read where it lies: https://protobuf.dev/programming-guides/encoding. A message is a
   row of fields; nothing is copied, nothing is believed before it is checked, and what is inside a message is looked
   at when somebody walks over it. */
#include "../../ir/base/base.h"

typedef struct WireBytes { const uint8_t *p; size_t n; } WireBytes;

typedef enum WireKind { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_BYTES = 2, WIRE_I32 = 5 } WireKind;
/* value: of a varint or a fixed number, as its bits. bytes: of a text, a message or a packed list. */
typedef struct WireField { int number; WireKind kind; uint64_t value; WireBytes bytes; } WireField;

/* bad: what is wrong, NULL as long as nothing is. */
typedef struct Wire { const uint8_t *p, *end; const char *bad; } Wire;

static inline Wire wire_open(WireBytes b) { return (Wire){b.p, b.p + b.n, NULL}; }
/* The next field; false at the end of the message, and where it is malformed. */
bool wire_next(Wire *, WireField *);
bool wire_varint(Wire *, uint64_t *); /* of a packed list */
bool wire_fixed(Wire *, int size, uint64_t *);
#endif
