#ifndef DSQ_CLEANUP_H
#define DSQ_CLEANUP_H
/* What must be gone when the process ends: temporary files and folders, and the program that it has started. Every way
   out comes by here: exit, a signal, memory that is used up, faults of our own. */
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>

#include "base.h"

/* A name is listed before it exists. temp_file and temp_tree make the name: they replace the XXXXXX at the pattern's
   end. All return NULL with the reason in errno. */
typedef struct Temp Temp;
Temp *temp_file(const char *pattern, int *fd);
Temp *temp_folder(const char *path);    /* goes if it is empty */
Temp *temp_tree(const char *pattern);   /* goes with all that is in it */
const char *temp_path(const Temp *);
bool temp_rename(Temp *, const char *path); /* then it stays; false with the reason in errno */
void temp_keep(Temp *);
void temp_remove(Temp *);
void remove_tree(const char *path);     /* a folder with all that is in it, or a file */
FILE *temp_nameless(void);              /* a file for this process alone; NULL with the reason in errno */

/* fork: the child leads a process group of its own, which ends with us. One at a time. */
pid_t child_fork(void);
int child_wait(pid_t);                  /* what waitpid says of it */

/* From now on the first SIGINT or SIGTERM sets *stop and ends the child; the next one ends the process. */
void interrupt_sets(volatile sig_atomic_t *stop);
/* Between the two no signal is handled, and threads that are started handle none. */
void signals_hold(sigset_t *before);
void signals_release(const sigset_t *before);

/* Removes everything and ends the process at once: no handler of a library runs. */
NORETURN void leave(int status);
#endif
