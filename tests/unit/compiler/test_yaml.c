/* YAML: places of what is read, limits. */
#include "../../../compiler/spec/yaml.h"
#include "specs.h"

void suite_yaml(void);

static const Yaml *tree(const char *text)
{
    arena_free(arena);
    arena = arena_new();
    buf_free(&said);
    diag_reset();
    diag_capture(&said);
    const Yaml *y = yaml_parse(arena, text, strlen(text), diag_file("t.yaml", text, strlen(text)));
    diag_capture(NULL);
    return y;
}

static void test_places(void)
{
    const Yaml *y = tree("a: {b: [1, 'x y', \"z\"]}\nkey:\n  - é: v\r\n  - &n text\n  - *n\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    const Yaml *list = yaml_get(yaml_get(y, "a"), "b"), *key = yaml_get(y, "key");
    CU_ASSERT(list && list->kind == YAML_LIST && list->n == 3);
    CU_ASSERT_EQUAL(list->loc.line, 1);
    CU_ASSERT_EQUAL(list->loc.col, 8);
    CU_ASSERT_EQUAL(list->item[1]->loc.col, 12);
    CU_ASSERT_EQUAL(list->item[1]->loc.len, 5);
    CU_ASSERT(list->item[1]->quoted && !list->item[0]->quoted);
    SAME(list->item[1]->text, "x y");
    CU_ASSERT_EQUAL(key->item[0]->pair[0].key_loc.line, 3);
    CU_ASSERT_EQUAL(key->item[0]->pair[0].key_loc.col, 5);
    CU_ASSERT_EQUAL(key->item[0]->pair[0].val->loc.col, 9); /* bytes */
    CU_ASSERT_PTR_EQUAL(key->item[1], key->item[2]);
    CU_ASSERT_PTR_NULL(yaml_get(y, "b"));
    CU_ASSERT_PTR_NULL(yaml_get(list, "b"));
}

static void test_yaml_limits(void)
{
    Buf b = {0};
    for (int i = 0; i < 99999; i++)
        buf_puts(&b, "- a\n");
    CU_ASSERT_PTR_NOT_NULL(tree(b.s));
    buf_puts(&b, "- a\n");
    CU_ASSERT_PTR_NULL(tree(b.s));
    CU_ASSERT_PTR_NOT_NULL(strstr(said_text(), "more than 100,000 nodes"));
    buf_free(&b);
    for (int i = 0; i < 63; i++)
        buf_putc(&b, '[');
    buf_puts(&b, "a");
    for (int i = 0; i < 63; i++)
        buf_putc(&b, ']');
    CU_ASSERT_PTR_NOT_NULL(tree(b.s));
    const char *deep = arena_printf(arena, "[%s]", b.s);
    Buf copy = {0};
    buf_puts(&copy, deep);
    CU_ASSERT_PTR_NULL(tree(copy.s));
    buf_free(&copy);
    buf_free(&b);
    /* depth through an alias counts as written out */
    buf_puts(&b, "a: &a ");
    for (int i = 0; i < 40; i++)
        buf_putc(&b, '[');
    for (int i = 0; i < 40; i++)
        buf_putc(&b, ']');
    buf_puts(&b, "\nb: ");
    for (int i = 0; i < 30; i++)
        buf_putc(&b, '[');
    buf_puts(&b, "*a");
    for (int i = 0; i < 30; i++)
        buf_putc(&b, ']');
    CU_ASSERT_PTR_NULL(tree(b.s));
    CU_ASSERT_PTR_NOT_NULL(strstr(said_text(), "nested more than 64 deep"));
    buf_free(&b);
    for (int i = 0; i < 40; i++) /* the large map's index */
        buf_printf(&b, "k%d: %d\n", i, i);
    const Yaml *y = tree(b.s);
    CU_ASSERT(y && y->npair == 40);
    buf_puts(&b, "k7: again\n");
    CU_ASSERT_PTR_NULL(tree(b.s));
    buf_free(&b);
    for (int i = 0; i < 4 << 20; i++)
        buf_putc(&b, '#');
    CU_ASSERT_PTR_NULL(tree(b.s));
    CU_ASSERT_PTR_NOT_NULL(strstr(said_text(), "empty"));
    buf_putc(&b, '#');
    CU_ASSERT_PTR_NULL(tree(b.s));
    CU_ASSERT_PTR_NOT_NULL(strstr(said_text(), "4 MiB"));
    buf_free(&b);
}

void suite_yaml(void)
{
    CU_pSuite s = CU_add_suite("yaml", NULL, clean);
    CU_add_test(s, "places in YAML", test_places);
    CU_add_test(s, "limits of YAML", test_yaml_limits);
}
