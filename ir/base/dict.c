/* Dictionaries of names and integers: open addressing, linear probing, at most three quarters full. */
#include "base.h"

#include <limits.h>
#include <string.h>

Dict dict_new(Arena *a)
{
    return (Dict){.arena = a};
}

/* The slot that holds key, or the free one where it belongs. */
static struct DictSlot *find_slot(struct DictSlot *slot, int cap, const char *key)
{
    unsigned mask = (unsigned)cap - 1, i = (unsigned)hash_bytes(key, strlen(key), 0) & mask;
    while (slot[i].key && strcmp(slot[i].key, key))
        i = (i + 1) & mask;
    return &slot[i];
}

int dict_get(const Dict *m, const char *key)
{
    if (!m->n)
        return -1;
    const struct DictSlot *s = find_slot(m->slot, m->cap, key);
    return s->key ? s->val : -1;
}

static void grow(Dict *m)
{
    if (m->cap > INT_MAX / 2)
        out_of_memory();
    int cap = m->cap ? m->cap * 2 : 16;
    struct DictSlot *slot = NEW(m->arena, struct DictSlot, cap);
    for (int i = 0; i < m->cap; i++)
        if (m->slot[i].key)
            *find_slot(slot, cap, m->slot[i].key) = m->slot[i];
    m->slot = slot;
    m->cap = cap;
}

void dict_put(Dict *m, const char *key, int val)
{
    if (m->n >= m->cap / 4 * 3)
        grow(m);
    struct DictSlot *s = find_slot(m->slot, m->cap, key);
    if (!s->key) {
        s->key = arena_strndup(m->arena, key, strlen(key));
        m->n++;
    }
    s->val = val;
}
