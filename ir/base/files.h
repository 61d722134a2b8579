#ifndef DSQ_FILES_H
#define DSQ_FILES_H
/* Reading and writing files. Every function that fails has reported why through diag. Only regular files and pipes
   are read. Directories, devices, and pipes that nobody writes to are errors. */
#include "diag.h"

/* The whole file ("-": standard input) as NUL-terminated text in the arena. NULL on error; more than max bytes are
   one. */
char *read_file(Arena *, const char *path, size_t max, size_t *n);
/* Reads the first n - 1 bytes of a regular file, or of one that a link leads to, and adds a NUL. Returns how many bytes
   there are, or -1 where there is no such file. Reports nothing and never waits. */
int64_t file_begins(const char *path, char *text, size_t n);
/* Limits of what is read, in bytes: of a regular file, and of a pipe. bytes() looks at the first n bytes and returns
   how many the whole may have at most:
   - 0: it is no file of the wanted kind, so no more than its beginning is read;
   - ASK_AGAIN: the header is not complete, so it is asked again with more bytes;
   - INT64_MAX: the header does not say. */
enum { ASK_AGAIN = -1 };
typedef struct FileLimit { int64_t file, pipe; int64_t (*bytes)(const uint8_t *, size_t n); } FileLimit;
/* read_file within limits. Of what is not wanted (bytes() is 0) it returns the beginning alone. */
char *read_within(Arena *, const char *path, const FileLimit *, size_t *n);
/* Whether this process has read that regular file. out_open refuses to replace it: results must not overwrite what
   they are made from. file_replaces names the one file that may be read and written again. */
bool file_was_read(const char *path);
void file_replaces(const char *path);
/* Maps a file read-only; a pipe is first copied to a file without a name. NULL on error. An empty file gives a valid
   pointer and n = 0. */
const uint8_t *map_within(const char *path, const FileLimit *, size_t *n);
const uint8_t *map_file(const char *path, size_t *n); /* of any size */
void unmap_file(const uint8_t *, size_t n);

/* Output that is complete or absent. It is written beside its place, and out_commit renames it. out_abort, or the end
   of the process, removes it. "-" is standard output. */
typedef struct OutFile OutFile;
OutFile *out_open(const char *path);
bool out_write(OutFile *, const void *, size_t);
bool out_commit(OutFile *);
void out_abort(OutFile *);
/* Could it be written now? Makes a file in the folder and removes it. False after the message that writing would give.
   Where the folder is missing, it tries the nearest one above. It makes no folder: another process might find it before
   it is removed. made: a folder that will exist by then, or NULL. */
bool out_writable(const char *path, const char *made);
bool outdir_writable(const char *dir);
bool write_file(const char *path, const void *, size_t); /* open, write, commit */
/* Several files that appear together in one folder: all are written first, then all are renamed. outdir_open makes
   dir and its parents. */
typedef struct OutDir OutDir;
OutDir *outdir_open(const char *dir);
bool outdir_add(OutDir *, const char *name, const void *, size_t);
/* A file in pieces: out_write adds to it, and outdir_end ends it. outdir_end also takes NULL, from a failed begin. */
OutFile *outdir_begin(OutDir *, const char *name);
bool outdir_end(OutDir *, OutFile *);
bool outdir_has(const OutDir *, const char *name); /* whether that file is among those that it will write */
bool outdir_add_file(OutDir *, const char *name, const char *path); /* a copy of the file at path */
const char *outdir_name(const OutDir *, int i); /* of the i-th file that was added; NULL after the last */
void outdir_drop(OutDir *, const char *name); /* a file of the folder that is removed when the others appear */
/* Until commit or abort no other dsqc changes files of the folder. Waits 10 seconds at most for another one. False
   after a message. */
bool outdir_lock(OutDir *);
bool outdir_commit(OutDir *);
void outdir_abort(OutDir *);

void sha256(const void *, size_t n, uint8_t out[32]);
void sha256_hex(const uint8_t in[32], char out[65]);
#endif
