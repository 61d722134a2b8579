#ifndef DSQ_CLEANUP_H
#define DSQ_CLEANUP_H
/* Cleaning up when the process ends: temporary files and folders, and the program that it has started. Every way out
   goes through here: exit, a signal, out of memory, a bug. */
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>

#include "base.h"

/* Something that is removed when the process ends. It is listed before it exists, so that no signal finds it unlisted.
   temp_file and temp_tree replace the XXXXXX at the pattern's end. All three return NULL with the reason in errno. */
typedef struct Temp Temp;
Temp *temp_file(const char *pattern, int *fd);
Temp *temp_folder(const char *path);    /* removed if it is empty */
Temp *temp_tree(const char *pattern);   /* removed with all that is in it */
const char *temp_path(const Temp *);
bool temp_rename(Temp *, const char *path); /* from then on it is kept; false with the reason in errno */
void temp_keep(Temp *);                 /* it is not removed */
void temp_remove(Temp *);
void remove_tree(const char *path);     /* a folder with all that is in it, or a file */
FILE *temp_nameless(void);              /* a file for this process alone; NULL with the reason in errno */

/* fork. The child leads a process group of its own, which is killed when this process ends. One child at a time. */
pid_t child_fork(void);
int child_wait(pid_t);                  /* its status, as of waitpid */

/* From now on the first SIGINT or SIGTERM sets *stop and ends the child; the next one ends the process. */
void interrupt_sets(volatile sig_atomic_t *stop);
/* Between the two, signals are blocked. Threads that start there block them for good. */
void signals_hold(sigset_t *before);
void signals_release(const sigset_t *before);

/* Removes everything and ends the process at once: no handler of a library runs. */
NORETURN void leave(int status);
#endif
