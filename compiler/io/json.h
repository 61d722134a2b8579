#ifndef DSQ_JSON_H
#define DSQ_JSON_H
/* JSON through Jansson. All JSON of dsqc is made and read here. If memory is used up, the process ends with
   a message. */
#include <jansson.h>

#include "../../ir/base/base.h"

/* Makers of values. A byte that is not UTF-8 becomes \xff, in hex, as in messages. NULL and numbers that are not finite
   become null. */
json_t *js_text(const char *);
json_t *js_text_n(const char *, size_t n);
json_t *js_int(int64_t);
json_t *js_real(double, int decimals);  /* rounded to so many decimals */
json_t *js_bool(bool);
json_t *js_object(void);
json_t *js_list(void);
json_t *js_pack(const char *fmt, ...);  /* json_pack; texts must be UTF-8 */

/* js_put and js_add take over the value. */
void js_put(json_t *object, const char *key, json_t *value);
void js_add(json_t *list, json_t *value);
void js_put_text(json_t *object, const char *key, const char *);
void js_put_real(json_t *object, const char *key, double, int decimals);

/* Prints the root and frees it. flags: those of json_dumps. */
void js_print(Buf *, json_t *root, size_t flags);

/* NULL where the text is no JSON, with the reason in *e. */
json_t *js_read(const char *text, size_t n, json_error_t *e);
#endif
