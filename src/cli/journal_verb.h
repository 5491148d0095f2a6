/* What the commands of `holdfast journal` share. */
#ifndef CLI_JOURNAL_VERB_H
#define CLI_JOURNAL_VERB_H

#include "cli/client.h"
#include "cli/verb.h"
#include "daemon/condemned.h"
#include "daemon/options.h"
#include "journal/journal.h"
#include "journal/reader.h"
#include "os/journal_device.h"

struct json_object;

/* A journal that is looked at: its device is locked, its superblock is known. */
struct journal_source {
    char path[OPTION_PATH_BYTES];
    struct jdev_port *device;
    struct jnl_superblock superblock;
    uint8_t *memory;                /* for a reader */
    struct condemned_places places; /* where it may be noted that it must not be used */
    bool live;                      /* its daemon goes on meanwhile: no lock */
    bool held; /* ... but keeps the records of `part`, which alone are looked at */
    struct jnl_part part;
    struct client holder; /* the connection that they are kept for */
};

/* What the running daemon NAME says of its journal; the caller's. */
int journal_of_daemon(const struct arguments *arguments, struct json_object **ret_journal,
                      struct fault *fault);

/* Where the journal of PATH|NAME is; *ret_running when that daemon runs. */
int journal_source_locate(const struct arguments *arguments, struct journal_source *ret_source,
                          bool *ret_running, struct fault *fault);

/* The journal of the daemon NAME, which runs; after journal_source_locate(). */
int journal_source_locate_live(const struct arguments *arguments, struct journal_source *ret_source,
                               struct fault *fault);

/* The same, and what it holds now stays in its place until the source is closed. */
int journal_source_hold(const struct arguments *arguments, struct journal_source *ret_source,
                        struct fault *fault);

/* Opens what was located, read-only (shared lock) or to change it (exclusive). */
int journal_source_open(struct journal_source *source, bool read_only, struct fault *fault);
void journal_source_close(struct journal_source *source);

/* What a walk over all records found. */
struct journal_summary {
    uint64_t records, entries;
    uint64_t writes, zeroes, trims;
    uint64_t payload_bytes;
    uint64_t used_bytes; /* of the ring */
    uint64_t end_seq;    /* of the record that ended it */
    uint64_t claimed_by; /* CORRUPT: as in struct jnl_reader */
    uint64_t end_block;  /* highest LUN block that is touched, and one more */
    enum jnl_reading end;
    bool changed; /* it was looked at again: visit() did not see all of it */
    const char *why;
};

/* Each record goes to `visit`, which may be NULL; false ends the walk. */
void journal_walk(struct journal_source *source,
                  bool (*visit)(const struct jnl_reader *reader, void *owner), void *owner,
                  struct journal_summary *ret_summary);

/* The line about a walk that did not end well; `text` stays "" when it did. */
void journal_trouble(const struct journal_source *source, const struct journal_summary *summary,
                     char *ret_text, size_t text_bytes);

/* "naa.6001405...", or whatever names the LUN best. */
void journal_lun_name(const struct jnl_binding *binding, char *ret_text, size_t text_bytes);

int journal_info(const struct arguments *arguments, struct journal_source *source);
int journal_verify(const struct arguments *arguments, struct journal_source *source);
int journal_dump(const struct arguments *arguments, struct journal_source *source);
int journal_discard(const struct arguments *arguments, struct journal_source *source);
int journal_export(const struct arguments *arguments, struct journal_source *source);

/* `journal info` of a daemon that runs. */
int journal_info_running(const struct arguments *arguments);

/* Waits until the LUN has everything. */
int drain_daemon(const struct arguments *arguments, const char *name);

#endif
