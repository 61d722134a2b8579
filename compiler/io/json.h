#ifndef DSQ_JSON_H
#define DSQ_JSON_H
/* JSON through Jansson. All JSON of dsqc is made and read here. Nothing fails silently: memory that is used up ends the
   process with its message, when writing and when reading. */
#include <jansson.h>

#include "../../ir/base/base.h"

/* Bytes that are not UTF-8 are written as \xff is, as in messages. NULL and numbers that are not finite become
   null. */
json_t *js_text(const char *);
json_t *js_text_n(const char *, size_t n);
json_t *js_int(int64_t);
json_t *js_real(double, int decimals);  /* rounded */
json_t *js_bool(bool);
json_t *js_object(void);
json_t *js_list(void);
json_t *js_pack(const char *fmt, ...);  /* json_pack: its texts are UTF-8 */

/* Both take the value. */
void js_put(json_t *object, const char *key, json_t *value);
void js_add(json_t *list, json_t *value);
void js_put_text(json_t *object, const char *key, const char *);
void js_put_real(json_t *object, const char *key, double, int decimals);

/* Takes the root. flags: Jansson's for json_dumps. */
void js_print(Buf *, json_t *root, size_t flags);

/* NULL where the text is no JSON, with the reason in *e. */
json_t *js_read(const char *text, size_t n, json_error_t *e);
#endif
