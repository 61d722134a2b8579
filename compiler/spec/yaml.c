/* YAML text to a located tree. libyaml scans and parses; its marks count characters from the start of the text, ours
   are lines and byte columns, so a cursor walks the text along with the events. */
#include "yaml.h"

#include <string.h>
#include <yaml.h>

enum { MAX_BYTES = 4 << 20, MAX_DEPTH = 64, SMALL_MAP = 16 };

typedef struct YamlCursor { size_t index, byte, line_start; int line; } YamlCursor; /* index counts characters */
typedef struct Anchor { Yaml *node; int nodes, height; } Anchor;            /* nodes as if every alias were a copy */

typedef struct YamlReader {
    Arena *arena;
    yaml_parser_t parser;
    const char *text;
    size_t n;
    int file;
    YamlCursor begin, at;
    VEC(Anchor) anchor;
    Dict anchor_by_name;
    int nodes, thousands; /* how many there are; how many there may be */
} YamlReader;

/* ---- places ---- */

static size_t char_bytes(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static void cursor_to(const YamlReader *r, YamlCursor *c, size_t index)
{
    if (index < c->index)
        *c = r->begin;
    for (; c->index < index && c->byte < r->n; c->index++) {
        bool newline = r->text[c->byte] == '\n';
        c->byte += char_bytes((unsigned char)r->text[c->byte]);
        if (newline) {
            c->line++;
            c->line_start = c->byte;
        }
    }
}

static Loc cursor_loc(const YamlReader *r, const YamlCursor *c, int len)
{
    return (Loc){r->file, c->line, (int)(c->byte - c->line_start) + 1, len};
}

/* From start to end, cut at the end of the line. */
static Loc span(YamlReader *r, yaml_mark_t start, yaml_mark_t end)
{
    cursor_to(r, &r->at, start.index);
    size_t stop = r->at.byte;
    for (size_t i = start.index; i < end.index && stop < r->n && r->text[stop] != '\n' && r->text[stop] != '\r'; i++)
        stop += char_bytes((unsigned char)r->text[stop]);
    return cursor_loc(r, &r->at, (int)imax((int64_t)(stop - r->at.byte), 1));
}

static Loc mark_loc(const YamlReader *r, yaml_mark_t mark)
{
    YamlCursor c = r->begin;
    cursor_to(r, &c, mark.index);
    return cursor_loc(r, &c, 1);
}

static Loc byte_loc(const YamlReader *r, size_t byte)
{
    Loc loc = {r->file, 1, 1, 1};
    size_t line_start = 0;
    for (size_t i = 0; i < byte; i++)
        if (r->text[i] == '\n') {
            loc.line++;
            line_start = i + 1;
        }
    loc.col = (int)(byte - line_start) + 1;
    return loc;
}

/* ---- what libyaml would only name by its offset ---- */

static bool check_text(const YamlReader *r)
{
    unsigned u;
    for (size_t i = 0, len; i < r->n; i += len) {
        len = utf8_char(r->text + i, r->n - i, &u);
        if (!len) {
            error_at(byte_loc(r, i), "not UTF-8: byte 0x%02x", (unsigned)(unsigned char)r->text[i]);
            return false;
        }
        if ((u < 0x20 && u != '\t' && u != '\n' && u != '\r') || (u >= 0x7f && u < 0xa0 && u != 0x85) ||
            u == 0xfffe || u == 0xffff) {
            error_at(byte_loc(r, i), "control character U+%04X", u);
            return false;
        }
    }
    return true;
}

/* ---- events ---- */

static void syntax_error(const YamlReader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        out_of_memory();
    if (p->error == YAML_READER_ERROR) {
        size_t at = r->begin.byte + p->problem_offset;
        error_at(byte_loc(r, at < r->n ? at : r->n), "YAML: %s", p->problem);
        return;
    }
    YamlCursor c = r->begin;
    cursor_to(r, &c, p->problem_mark.index);
    Loc loc = cursor_loc(r, &c, 1);
    if (c.byte < r->n && r->text[c.byte] == '\t')
        error_at(loc, "YAML: a tab cannot stand here: indent with spaces");
    else
        error_at(loc, "YAML: %s", p->problem ? p->problem : "malformed text");
    if (p->context && p->context_mark.index != p->problem_mark.index)
        note_at(mark_loc(r, p->context_mark), "%s that begins here", p->context);
}

static bool next(YamlReader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e))
        return true;
    syntax_error(r);
    return false;
}

/* ---- nodes ---- */

static bool count_nodes(YamlReader *r, int more, Loc loc)
{
    if (more > 1000 * r->thousands - r->nodes) {
        error_at(loc, "more than %d,000 nodes (an alias counts as a copy of what it names)", r->thousands);
        return false;
    }
    r->nodes += more;
    return true;
}

static void put_anchor(YamlReader *r, const char *name, Anchor a)
{
    dict_put(&r->anchor_by_name, name, r->anchor.n);
    PUSH(r->arena, &r->anchor, a);
}

static Yaml *read_node(YamlReader *r, yaml_event_t *e, int depth, int *height);

static Yaml *read_alias(YamlReader *r, const yaml_event_t *e, Loc loc, int depth, int *height)
{
    const char *name = (const char *)e->data.alias.anchor;
    int i = dict_get(&r->anchor_by_name, name);
    if (i < 0) {
        error_at(loc, "alias '*%s' names no anchor that ends before it", name);
        return NULL;
    }
    const Anchor *a = &r->anchor.v[i];
    if (!count_nodes(r, a->nodes, loc))
        return NULL;
    if (depth - 1 + a->height > MAX_DEPTH) {
        error_at(loc, "nested more than %d deep", MAX_DEPTH);
        return NULL;
    }
    *height = a->height;
    return a->node;
}

static Yaml *read_scalar(YamlReader *r, const yaml_event_t *e, Yaml *y)
{
    if (memchr(e->data.scalar.value, 0, e->data.scalar.length)) {
        error_at(y->loc, "text contains a NUL character");
        return NULL;
    }
    y->kind = YAML_SCALAR;
    y->text = arena_strndup(r->arena, (const char *)e->data.scalar.value, e->data.scalar.length);
    y->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return y;
}

static Yaml *read_list(YamlReader *r, Yaml *y, int depth, int *height)
{
    VEC(Yaml *) item = {0};
    y->kind = YAML_LIST;
    y->loc.len = 1;
    for (;;) {
        yaml_event_t e;
        int h = 0;
        if (!next(r, &e))
            return NULL;
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        Yaml *child = end ? NULL : read_node(r, &e, depth + 1, &h);
        yaml_event_delete(&e);
        if (end)
            break;
        if (!child)
            return NULL;
        PUSH(r->arena, &item, child);
        *height = (int)imax(*height, h + 1);
    }
    y->item = item.v;
    y->n = item.n;
    return y;
}

/* The pair with that key, or -1; large maps are searched through index. */
static int find_pair(const YamlPair *pair, int n, const Dict *index, const char *key)
{
    if (n > SMALL_MAP)
        return dict_get(index, key);
    for (int i = 0; i < n; i++)
        if (!strcmp(pair[i].key, key))
            return i;
    return -1;
}

static Yaml *read_map(YamlReader *r, Yaml *y, bool flow, int depth, int *height)
{
    VEC(YamlPair) pair = {0};
    Dict index = dict_new(r->arena);
    y->kind = YAML_MAP;
    y->loc.len = 1;
    for (;;) {
        yaml_event_t e;
        int h = 0;
        if (!next(r, &e))
            return NULL;
        bool end = e.type == YAML_MAPPING_END_EVENT;
        Yaml *key = end ? NULL : read_node(r, &e, depth + 1, &h);
        yaml_event_delete(&e);
        if (end)
            break;
        if (!key)
            return NULL;
        if (key->kind != YAML_SCALAR) {
            error_at(key->loc, "a key must be text, not a %s", key->kind == YAML_LIST ? "list" : "map");
            return NULL;
        }
        int before = find_pair(pair.v, pair.n, &index, key->text);
        if (before >= 0) {
            error_at(key->loc, "key '%.60s' is given twice", key->text);
            note_at(pair.v[before].key_loc, "first here");
            return NULL;
        }
        if (!next(r, &e))
            return NULL;
        Yaml *val = read_node(r, &e, depth + 1, &h);
        yaml_event_delete(&e);
        if (!val)
            return NULL;
        *height = (int)imax(*height, h + 1);
        PUSH(r->arena, &pair, (YamlPair){key->text, key->loc, val});
        if (pair.n == SMALL_MAP + 1)
            for (int i = 0; i < pair.n; i++)
                dict_put(&index, pair.v[i].key, i);
        else if (pair.n > SMALL_MAP)
            dict_put(&index, key->text, pair.n - 1);
    }
    y->pair = pair.v;
    y->npair = pair.n;
    if (!flow && pair.n)
        y->loc.len = pair.v[0].key_loc.len;
    return y;
}

/* The node that event e begins; the caller deletes e. *height: levels of the subtree. */
static Yaml *read_node(YamlReader *r, yaml_event_t *e, int depth, int *height)
{
    Loc loc = span(r, e->start_mark, e->end_mark);
    if (depth > MAX_DEPTH) {
        error_at(loc, "nested more than %d deep", MAX_DEPTH);
        return NULL;
    }
    if (e->type == YAML_ALIAS_EVENT)
        return read_alias(r, e, loc, depth, height);
    int before = r->nodes;
    if (!count_nodes(r, 1, loc))
        return NULL;
    *height = 1;
    Yaml *y = NEW(r->arena, Yaml, 1);
    y->loc = loc;
    const yaml_char_t *tag = NULL, *anchor = NULL;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        tag = e->data.scalar.tag;
        anchor = e->data.scalar.anchor;
        y = tag ? y : read_scalar(r, e, y);
        break;
    case YAML_SEQUENCE_START_EVENT:
        tag = e->data.sequence_start.tag;
        anchor = e->data.sequence_start.anchor;
        y = tag ? y : read_list(r, y, depth, height);
        break;
    case YAML_MAPPING_START_EVENT:
        tag = e->data.mapping_start.tag;
        anchor = e->data.mapping_start.anchor;
        y = tag ? y : read_map(r, y, e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE, depth, height);
        break;
    default:
        bug("YAML event %d where a node begins", (int)e->type);
    }
    if (tag) {
        error_at(loc, "YAML tags are not used here: '%.60s'", (const char *)tag);
        return NULL;
    }
    if (y && anchor)
        put_anchor(r, (const char *)anchor, (Anchor){y, r->nodes - before, *height});
    return y;
}

static Yaml *read_document(YamlReader *r)
{
    Yaml *root = NULL;
    for (int documents = 0;;) {
        yaml_event_t e;
        if (!next(r, &e))
            return NULL;
        yaml_event_type_t type = e.type;
        Loc loc = span(r, e.start_mark, e.end_mark);
        bool ok = true;
        if (type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
            error_at(loc, "a second YAML document begins here; one is expected");
            ok = false;
        } else if (type == YAML_ALIAS_EVENT || type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                   type == YAML_MAPPING_START_EVENT) {
            int height;
            root = read_node(r, &e, 1, &height);
            ok = root != NULL;
        }
        yaml_event_delete(&e);
        if (!ok)
            return NULL;
        if (type == YAML_STREAM_END_EVENT)
            break;
    }
    if (!root)
        error_at(loc_file(r->file), "the file is empty");
    return root;
}

Yaml *yaml_parse_up_to(Arena *a, const char *text, size_t n, int file, int thousands)
{
    YamlReader r = {.arena = a, .text = text, .n = n, .file = file, .begin = {.line = 1}, .anchor_by_name = dict_new(a),
                .thousands = thousands};
    if (n > MAX_BYTES) {
        error_at(loc_file(file), "the file has more than 4 MiB");
        return NULL;
    }
    if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) /* byte order mark */
        r.begin.byte = 3;
    r.at = r.begin;
    if (!check_text(&r))
        return NULL;
    if (!yaml_parser_initialize(&r.parser))
        out_of_memory();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text + r.begin.byte, n - r.begin.byte);
    Yaml *root = read_document(&r);
    yaml_parser_delete(&r.parser);
    return root;
}

Yaml *yaml_parse(Arena *a, const char *text, size_t n, int file) { return yaml_parse_up_to(a, text, n, file, 100); }

Yaml *yaml_get(const Yaml *map, const char *key)
{
    for (int i = 0; map->kind == YAML_MAP && i < map->npair; i++)
        if (!strcmp(map->pair[i].key, key))
            return map->pair[i].val;
    return NULL;
}
