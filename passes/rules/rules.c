/* Where rules come from: passes/rules/algebra.rules, which is part of the binary, and files that a person names. */
#include <string.h>

#include "../../ir/base/files.h"
#include "rules.h"
#include "rules_text.h"

enum { MAX_TEXT = 1 << 24 };

static bool read_bundled(Arena *A, Rules *rules)
{
    bool ok = true;
    for (int i = 0; i < LEN(rules_text); i++) {
        const char *text = (const char *)rules_text[i].text;
        ok = rules_parse(A, rules, text, diag_file(rules_text[i].name, text, rules_text[i].n)) && ok;
    }
    return ok;
}

Rules *rules_bundled(Arena *A)
{
    Rules *rules = NEW(A, Rules, 1);
    if (!read_bundled(A, rules))
        bug("the bundled rules do not parse");
    return rules;
}

/* False after a message, which shows nothing of a file that is not ours. */
static bool is_rules(const char *path, const char *text)
{
    const char *start = text_start(text, ';');
    if (!*start || text_is_word(start, "rule"))
        return true;
    error_at(loc_file(diag_file(path, NULL, 0)),
             "no rewrite rules: the first one must begin with 'rule NAME exact=yes'");
    return false;
}

Rules *rules_load(Arena *A, const char *const *paths, int n)
{
    Rules *rules = NEW(A, Rules, 1);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        size_t size;
        const char *text = read_file(A, paths[i], MAX_TEXT, &size);
        const char *name = strcmp(paths[i], "-") ? paths[i] : "<stdin>";
        if (!text || !is_rules(name, text) || !rules_parse(A, rules, text, diag_file(name, text, size))) {
            ok = false;
            continue;
        }
        RuleFile f;
        sha256(text, size, f.sha256);
        PUSH(A, &rules->file, f);
    }
    for (int i = 0; i < rules->rule.n && !diag_full(); i++)
        ok = rule_check(rules->rule.v[i]) && ok;
    rules->own = rules->rule.n;
    return ok && read_bundled(A, rules) ? rules : NULL;
}
