#ifndef DSQ_NETWORK_H
#define DSQ_NETWORK_H
/* What a command line names as SPEC: a spec in YAML, or a model in a format of others. */
#include "cli/options.h"
#include "spec/spec.h"

/* Told apart by ending and beginning. libdir: of spec_load. NULL after messages. */
Spec *network_read(Arena *, const char *path, const Options *, const char *libdir);
#endif
