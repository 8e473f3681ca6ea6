/*
 * One call of JavaScript into the kernel. An entry of the table names the arguments by letters; the marshaller (addon.c)
 * fills `number` and `text` in their order, `run` makes the system call, the marshaller gives back the result.
 *
 *   i  number          I  bigint or null (null: NO_VALUE)
 *   s  string or Buffer, NUL-terminated for the kernel   S  the same or null (null: NULL)
 *   b  Buffer of bytes
 */
#ifndef BERTH_CALL_H
#define BERTH_CALL_H

#include <stddef.h>
#include <stdint.h>

#define MAX_NUMBERS 6
#define MAX_TEXTS 4
#define TEXT_SIZE 4097
#define NO_VALUE INT64_MIN

struct call {
    int64_t number[MAX_NUMBERS];
    /* Texts and bytes in the order of their letters. Bytes belong to the caller (fast) or are copied (blocking). */
    char *text[MAX_TEXTS];
    size_t length[MAX_TEXTS];

    /* Set by run: a value >= 0, or -1 with the error in `error`. `out` is malloc'ed, for entries that give bytes. */
    int64_t value;
    int error;
    char *out;
    size_t out_length;
};

enum result { GIVES_NOTHING, GIVES_NUMBER, GIVES_BYTES };
/*
 * FAST returns at once on any sane host; BLOCKING may wait for a disk or a lock and runs on the thread pool; WAITING may
 * wait for somebody else for ever, and is for threads that do nothing else.
 */
enum pace { FAST, BLOCKING, WAITING };

struct entry {
    const char *name;
    const char *arguments;
    enum result result;
    enum pace pace;
    void (*run)(struct call *call);
};

extern const struct entry entries[];
extern const size_t entry_count;

#endif
