/*
 * The options of `holdfast serve`: one table for the configuration file, for -o KEY=VALUE, for
 * --help and (held to it by tests/check/manual) for holdfast.conf(5).
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/fault.h"
#include "daemon/url.h"

#define OPTION_LIST_ITEMS 8u
#define OPTION_TEXT_BYTES 256
#define OPTION_PATH_BYTES 1024

/* The values of a key that may be given more than once. */
struct option_list {
    unsigned count;
    char items[OPTION_LIST_ITEMS][OPTION_PATH_BYTES];
};

enum digest_choice { DIGEST_NONE, DIGEST_CRC32C };
enum full_choice { FULL_WAIT, FULL_ERROR };
enum lock_choice { LOCK_AUTO, LOCK_YES, LOCK_NO };
enum engine_choice { ENGINE_AUTO, ENGINE_URING, ENGINE_THREAD };
enum journal_kind { JOURNAL_NONE, JOURNAL_MEMORY, JOURNAL_PATH };
enum destage_choice { DESTAGE_COALESCE, DESTAGE_ORDERED };
enum replay_choice { REPLAY_CHECKED, REPLAY_FORCE };
enum journal_failure_choice { JOURNAL_FAILURE_PARK, JOURNAL_FAILURE_CONTINUE };

/* The ring of journal=memory, in the run directory. */
#define JOURNAL_FILE "journal"
/* A write of VOL_TRANSFER_MAX may take a quarter of the ring. */
#define JOURNAL_BYTES_MIN (5u * 1024 * 1024)

/* What was configured. Durations in milliseconds, sizes in bytes; texts are "" when not given. */
struct options {
    struct url_target url; /* portal_count 0: not given */
    struct option_list portal;
    char target[URL_TARGET_BYTES];
    char lun[OPTION_TEXT_BYTES];
    char initiator[URL_TARGET_BYTES];
    char chap_user[OPTION_TEXT_BYTES];
    char chap_secret_file[OPTION_PATH_BYTES];
    char mutual_chap_user[OPTION_TEXT_BYTES];
    char mutual_chap_secret_file[OPTION_PATH_BYTES];
    unsigned header_digest; /* enum digest_choice */
    char tcp_congestion[OPTION_TEXT_BYTES];

    char name[OPTION_TEXT_BYTES];
    struct option_list nbd;
    struct option_list fuse;
    char device[OPTION_TEXT_BYTES];
    uint64_t fuse_mode;
    uint64_t connections;
    bool read_only;

    char journal[OPTION_PATH_BYTES]; /* "none", "memory", or a path */
    uint64_t journal_size;           /* of one that is made */
    uint64_t journal_cache;          /* 0 without a journal */
    unsigned journal_engine;         /* enum engine_choice */
    unsigned destage;                /* enum destage_choice */
    unsigned on_journal_failure;     /* enum journal_failure_choice */
    unsigned replay;                 /* enum replay_choice */
    uint64_t memory;
    uint64_t retain;
    uint64_t retain_time;
    unsigned on_full; /* enum full_choice */
    uint64_t outage_limit;

    uint64_t connect_timeout;
    uint64_t command_timeout;
    uint64_t nop_interval;
    uint64_t nop_timeout;
    uint64_t backoff_max;
    uint64_t stop_timeout;

    uint64_t poll_us;
    uint64_t rest_us;
    unsigned lock_memory; /* enum lock_choice */
    bool supervise;
    bool root; /* the LUN is the system's root disk */
    char run_dir[OPTION_PATH_BYTES];

    uint64_t given; /* a bit per table row: set by somebody, not by default */
};

enum option_type {
    OPTION_TEXT,
    OPTION_PATH,
    OPTION_LIST,
    OPTION_SWITCH,
    OPTION_CHOICE,
    OPTION_DURATION,
    OPTION_SIZE,
    OPTION_NUMBER,
    OPTION_MODE,
    OPTION_URL,
};

struct option {
    const char *key;
    enum option_type type;
    const char *value;        /* how the value is called in the manual: TIME, SIZE, yes|no ... */
    const char *default_text; /* as in the manual; NULL: no value */
    uint64_t min;             /* bounds of numbers, sizes, durations */
    uint64_t max;
    size_t offset; /* of the field in struct options */
    size_t bytes;
    /* Judges a text beyond its length, or NULL. */
    int (*check)(const char *text, struct fault *fault);
    const char *help; /* one line, no full stop */
};

/* The table; ends with a row whose key is NULL. */
extern const struct option option_table[];

/* Everything at its default. */
void options_init(struct options *options);

/* NULL when there is no such key. */
const struct option *option_find(const char *key);

/*
 * Sets one key. value NULL: a switch without a value ("-o read_only"). Refuses unknown keys (and
 * suggests the nearest) and values out of bounds.
 */
int options_set(struct options *options, const char *key, const char *value, struct fault *fault);

/* "key=value[,key=value...]"; a comma inside a value is written "\,". */
int options_set_list(struct options *options, const char *text, struct fault *fault);

bool options_was_given(const struct options *options, const char *key);

/* Has to look like the name of a congestion control; whether the kernel has it is asked later. */
int options_check_congestion(const char *name, struct fault *fault);

/* What no single key can tell: contradictions and missing parts. Fills in what follows from
 * others: the portals, the target and the LUN (in `url`), the name, the run directory. */
int options_complete(struct options *options, struct fault *fault);

/* What was said about the journal. */
int options_check_journal(const char *text, struct fault *fault);
int options_complete_journal(struct options *options, struct fault *fault);
enum journal_kind options_journal_kind(const struct options *options);

/* Where its ring is; not for JOURNAL_NONE. */
int options_journal_path(const struct options *options, char *ret_path, size_t path_bytes);

/* The same for a discovery: a portal, and who we are. */
int options_complete_discovery(struct options *options, const char *portal, struct fault *fault);

/* A name of a daemon: a directory and a file are called so. */
int options_check_name(const char *name, struct fault *fault);

/* The lines of --help. */
void options_print_help(FILE *to);

#endif
