/* Rewrite rules: every bundled one on random shapes and numbers. */
#include "../../../passes/rules/rules.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void suite_rules(void);

/* DSQ_SEED=N repeats a run. */
static uint64_t first_seed(void)
{
    const char *s = getenv("DSQ_SEED");
    return s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL) % 1000000 * 1000;
}

/* Both sides of every rule, on graphs where it fires: among them one channel, one pixel and odd sizes. */
static void test_bundled(void)
{
    enum { ENOUGH = 60, SEEDS = 20000 };
    Arena *A = arena_new();
    const Rules *rules = rules_bundled(A);
    uint64_t seed = first_seed();
    printf("  rules: seeds from %llu\n", (unsigned long long)seed);
    CU_ASSERT(rules->rule.n >= 40);
    for (int i = 0; i < rules->rule.n; i++) {
        const Rule *r = rules->rule.v[i];
        int fired = 0, seeds = 0;
        for (; seeds < SEEDS && fired < ENOUGH; seeds++) {
            Arena *B = arena_new();
            Trial t;
            TrialResult result = rule_trial(&t, B, r, seed + (uint64_t)seeds);
            fired += result != TRIAL_NONE;
            if (result == TRIAL_WRONG) {
                printf("  rule %s, seed %llu: %s\n", r->name, (unsigned long long)seed + (unsigned)seeds, t.why);
                CU_FAIL("see above");
            }
            arena_free(B);
        }
        if (fired < ENOUGH) {
            printf("  rule %s fired on %d of %d random graphs\n", r->name, fired, seeds);
            CU_FAIL("see above");
        }
    }
    arena_free(A);
}

/* Seeds at which a result near zero has the rounding errors of what it is the difference of. */
static void test_cancellation(void)
{
    static const struct { const char *rule; uint64_t seed; } some[] = {{"scale_of_scale_bias", 646638049}};
    Arena *A = arena_new();
    const Rules *rules = rules_bundled(A);
    int met = 0;
    for (int i = 0; i < rules->rule.n; i++)
        for (int k = 0; k < (int)LEN(some); k++)
            if (!strcmp(rules->rule.v[i]->name, some[k].rule)) {
                Trial t;
                CU_ASSERT_EQUAL(rule_trial(&t, A, rules->rule.v[i], some[k].seed), TRIAL_SAME);
                met++;
            }
    CU_ASSERT_EQUAL(met, (int)LEN(some));
    arena_free(A);
}

void suite_rules(void)
{
    CU_pSuite s = CU_add_suite("rules", NULL, NULL);
    CU_add_test(s, "bundled rules on random graphs", test_bundled);
    CU_add_test(s, "results near zero", test_cancellation);
}
