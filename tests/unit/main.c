/* Runs the suites, all or those named, and prints a line for every test as tests/run.sh reads it. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE(name) void suite_##name(void);
#include "suites.def"
#undef SUITE

static void on_complete(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failure)
{
    printf("%sok %s: %s\n", failure ? "not " : "", suite->pName, test->pName);
    for (const CU_FailureRecord *f = failure; f; f = f->pNext)
        printf("  %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*add)(void); } suites[] = {
#define SUITE(name) {#name, suite_##name},
#include "suites.def"
#undef SUITE
    };
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        int wanted = argc < 2;
        for (int k = 1; k < argc; k++)
            wanted |= !strcmp(argv[k], suites[i].name);
        if (wanted)
            suites[i].add();
    }
    CU_set_test_complete_handler(on_complete);
    CU_ErrorCode error = CU_run_all_tests();
    if (error != CUE_SUCCESS)
        printf("not ok CUnit: %s\n", CU_get_error_msg());
    unsigned failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    return failed || error != CUE_SUCCESS ? 1 : 0;
}
