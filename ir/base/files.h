#ifndef DSQ_FILES_H
#define DSQ_FILES_H
/* Files in and out. Every function that fails has said why through diag. What is read is a regular file or a pipe;
   directories, devices and pipes that nobody writes to are refused. */
#include "diag.h"

/* Whole file ("-": standard input) as NUL-terminated text in the arena; refuses more than max bytes. NULL on error. */
char *read_file(Arena *, const char *path, size_t max, size_t *n);
/* The first n - 1 bytes of a regular file, or of what a link to one leads to, with a NUL. How many there are; -1, and
   nothing is said, where path is no such file. Never waits. */
int64_t file_begins(const char *path, char *text, size_t n);
/* The largest file, and the most that may come through a pipe. bytes: how many there are at most, as the first n say: 0
   where it is nothing that is read here, and no more than the beginning is read; ASK_AGAIN with more of them, as long
   as a header is not complete; INT64_MAX where they do not say. */
enum { ASK_AGAIN = -1 };
typedef struct FileLimit { int64_t file, pipe; int64_t (*bytes)(const uint8_t *, size_t n); } FileLimit;
/* read_file within limits; the beginning alone of what is not wanted, be it a pipe or a file. */
char *read_within(Arena *, const char *path, const FileLimit *, size_t *n);
/* Whether this process has read that regular file. out_open refuses to replace such a one: results must not take the
   place of what they are made from. file_replaces: this one is read in order to be written anew. */
bool file_was_read(const char *path);
void file_replaces(const char *path);
/* Maps a file read-only. NULL on error; an empty file gives a valid pointer and n = 0. */
const uint8_t *map_within(const char *path, const FileLimit *, size_t *n);
const uint8_t *map_file(const char *path, size_t *n); /* of any size */
void unmap_file(const uint8_t *, size_t n);

/* Output that never leaves a part behind: written beside its place, renamed by out_commit; out_abort (or the end of the
   process without commit, see cleanup.h) removes it. "-" is standard output. */
typedef struct OutFile OutFile;
OutFile *out_open(const char *path);
bool out_write(OutFile *, const void *, size_t);
bool out_commit(OutFile *);
void out_abort(OutFile *);
/* Could it be written now? A file is tried in its folder and removed; false after the message that writing would give.
   No folder is made, or removed under another process that has just found it: where one is missing, the nearest folder
   above it is tried. `made`: a folder that will be there by then, or NULL. */
bool out_writable(const char *path, const char *made);
bool outdir_writable(const char *dir);
bool write_file(const char *path, const void *, size_t); /* open, write, commit */
/* Several files of one folder appear together: all are written first, then all renamed. Creates dir (and parents). */
typedef struct OutDir OutDir;
OutDir *outdir_open(const char *dir);
bool outdir_add(OutDir *, const char *name, const void *, size_t);
OutFile *outdir_begin(OutDir *, const char *name); /* in pieces, by out_write; outdir_end takes the file, NULL too */
bool outdir_end(OutDir *, OutFile *);
bool outdir_has(const OutDir *, const char *name); /* whether that file is among those that it will write */
bool outdir_add_file(OutDir *, const char *name, const char *path); /* a copy of the file at path */
const char *outdir_name(const OutDir *, int i); /* of the i-th file that was added; NULL behind the last */
void outdir_drop(OutDir *, const char *name); /* a file of the folder that goes when the others appear */
/* Until commit or abort no other dsqc changes files of the folder. False after a message: it is locked for long. */
bool outdir_lock(OutDir *);
bool outdir_commit(OutDir *);
void outdir_abort(OutDir *);

void sha256(const void *, size_t n, uint8_t out[32]);
void sha256_hex(const uint8_t in[32], char out[65]);
#endif
