/* Line information: instructions lead to the text of the loop IR beside the object, whose comments name layers. */
#include "impl.h"

#include <string.h>

void l_debug_begin(LMod *m, const char *loops)
{
    if (!m->lines)
        return;
    const char *by = arena_printf(m->A, "dsqc %s", m->o->version ? m->o->version : "");
    m->di = LLVMCreateDIBuilder(m->mod);
    m->file = LLVMDIBuilderCreateFile(m->di, loops, strlen(loops), ".", 1);
    LLVMDIBuilderCreateCompileUnit(m->di, LLVMDWARFSourceLanguageC99, m->file, by, strlen(by), true, "", 0, 0, "", 0,
                                   LLVMDWARFEmissionFull, 0, false, false, "", 0, "", 0);
    l_flag(m, "Debug Info Version", LLVMDebugMetadataVersion());
    l_flag(m, "Dwarf Version", 4);
}

void l_debug_function(LMod *m, LLVMValueRef fn, const char *name, int line)
{
    if (!m->lines)
        return;
    LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(m->di, m->file, NULL, 0, LLVMDIFlagZero);
    m->scope = LLVMDIBuilderCreateFunction(m->di, m->file, name, strlen(name), NULL, 0, m->file, (unsigned)line, type,
                                           LLVMGetLinkage(fn) == LLVMInternalLinkage, true, (unsigned)line,
                                           LLVMDIFlagPrototyped, true);
    LLVMSetSubprogram(fn, m->scope);
    l_debug_line(m, line);
}

void l_debug_line(LMod *m, int line)
{
    if (m->lines)
        LLVMSetCurrentDebugLocation2(
            m->b, line ? LLVMDIBuilderCreateDebugLocation(m->ctx, (unsigned)line, 1, m->scope, NULL) : NULL);
}

void l_debug_end(LMod *m)
{
    if (m->lines)
        LLVMDIBuilderFinalize(m->di);
}
