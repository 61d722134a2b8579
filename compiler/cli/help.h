#ifndef DSQ_HELP_H
#define DSQ_HELP_H
/* `dsqc help targets` and `dsqc help operators`: tables of the compiler as text, to standard output. The man pages are
   made of the same text (compiler/share/man.sh). */
void help_targets(void);   /* also for --target=list */
void help_target_names(void); /* names, and which machines they are meant for */
void help_operators(void);
#endif
