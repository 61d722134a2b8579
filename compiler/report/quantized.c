/* What info says about a model that computes with integers. */
#include "report.h"

#include <stdio.h>

#include "../cli/term.h"
#include "../io/json.h"

static void print_ports(const char *title, const char **port, int n)
{
    for (int i = 0; i < n; i++)
        printf("  %-11s %s\n", i ? "" : title, port[i]);
}

void quantized_print(Arena *A, const Spec *s)
{
    const Quantized *q = s->quantized;
    printf("%s, quantized to %s: it is read, and not compiled yet\n", s->name, q->type);
    print_ports("input", q->input, q->ninput);
    print_ports("output", q->output, q->noutput);
    printf("  %-11s %s\n", "parameters", digits(A, q->parameters));
    printf("  %-11s %s\n", "MACs", digits(A, q->macs));
    printf("  %-11s %s bytes of constants\n\n", "flash", digits(A, q->bytes));

    Table t = table_new(A, "llrrl");
    static const char *const heading[] = {"layers", "output", "MACs", "flash", "weight"};
    for (int i = 0; i < LEN(heading); i++)
        table_cell(&t, "%s", heading[i]);
    for (int i = 0; i < q->nlayer; i++) {
        const QuantizedLayer *l = &q->layer[i];
        table_cell(&t, "%s", l->kind);
        table_cell(&t, "%s", l->out);
        table_cell(&t, "%s", digits(A, l->macs));
        table_cell(&t, "%s", digits(A, l->bytes));
        table_cell(&t, "%s", l->weight ? l->weight : "");
    }
    table_cell(&t, "total");
    table_cell(&t, "%s", plural(A, q->nlayer, "layer"));
    table_cell(&t, "%s", digits(A, q->macs));
    table_cell(&t, "%s", digits(A, q->bytes));
    table_cell(&t, "%s", "");
    table_print(&t);
}

static json_t *ports_json(const char **port, int n)
{
    json_t *list = js_list();
    for (int i = 0; i < n; i++)
        js_add(list, js_text(port[i]));
    return list;
}

void quantized_json(Buf *b, const Spec *s)
{
    const Quantized *q = s->quantized;
    json_t *r = js_object(), *layers = js_list();
    js_put_text(r, "name", s->name);
    js_put_text(r, "quantized", q->type);
    js_put(r, "inputs", ports_json(q->input, q->ninput));
    js_put(r, "outputs", ports_json(q->output, q->noutput));
    js_put(r, "parameters", js_int(q->parameters));
    js_put(r, "macs", js_int(q->macs));
    js_put(r, "weights_bytes", js_int(q->bytes));
    for (int i = 0; i < q->nlayer; i++) {
        const QuantizedLayer *l = &q->layer[i];
        json_t *o = js_object();
        js_put_text(o, "op", l->kind);
        js_put_text(o, "name", l->name);
        js_put_text(o, "output", l->out);
        if (l->weight)
            js_put_text(o, "weight", l->weight);
        js_put(o, "macs", js_int(l->macs));
        js_put(o, "weights_bytes", js_int(l->bytes));
        js_add(layers, o);
    }
    js_put(r, "layers", layers);
    js_print(b, r, JSON_INDENT(2));
    buf_putc(b, '\n');
}
