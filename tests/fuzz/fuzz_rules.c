/* libFuzzer target: rules of any kind must be refused with a message or be rules that can be tried on graphs. */
#include "../../passes/rules/rules.h"
#include "fuzz.h"

enum { TRIALS = 12, SPARSE = 331 }; /* the first of single numbers, then of others */

static void fuzz(Arena *a, const uint8_t *data, size_t n)
{
    Rules rules = {0};
    char *text = arena_strndup(a, (const char *)data, n);
    if (!rules_parse(a, &rules, text, diag_file("fuzz", text, n)) && !diag_errors())
        bug("refused without a message");
    for (int i = 0; i < rules.rule.n && i < 8; i++)
        for (uint64_t seed = 0; seed < TRIALS; seed++) {
            Arena *b = arena_new();
            Trial t;
            if (rule_trial(&t, b, rules.rule.v[i], seed * SPARSE) == TRIAL_WRONG && !t.why)
                bug("wrong without a reason");
            arena_free(b);
        }
}
