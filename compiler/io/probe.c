/* Outputs that cannot be written are found before the work that they are to hold. */
#include "io.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool out_writable(const char *path)
{
    struct stat st;
    bool there = strcmp(path, "-") && !stat(path, &st);
    if (there && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) { /* out_open leaves devices and pipes alone */
        if (!access(path, W_OK))
            return true;
        error_at(loc_file(diag_file(path, NULL, 0)), "cannot write: %s", strerror(errno));
        return false;
    }
    OutFile *o = out_open(path);
    out_abort(o);
    return o;
}

bool outdir_writable(const char *dir)
{
    OutDir *o = outdir_open(dir);
    bool ok = o && outdir_add(o, ".dsqc-probe", "", 0);
    outdir_abort(o);
    return ok;
}
