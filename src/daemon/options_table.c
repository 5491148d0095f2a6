#include <stddef.h>

#include "daemon/device.h"
#include "daemon/front_end.h"
#include "daemon/options.h"

#define FIELD(name) offsetof(struct options, name), sizeof(((struct options *)NULL)->name)

#define MINUTE 60000ull
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define MIB    (1024ull * 1024)

/* Rows: key, type, value's name, default, bounds, field, check, help. The order is the manual's. */
const struct option option_table[] = {
    /* Where the LUN is. */
    {"url", OPTION_URL, "URL", NULL, 0, 0, FIELD(url), NULL,
     "the LUN: iscsi://[USER@]HOST[:PORT]/TARGET/LUN, or an RFC 4173 root path"},
    {"portal", OPTION_LIST, "HOST[:PORT]", NULL, 0, 0, FIELD(portal), NULL,
     "a portal of the target, besides those in the URL; may be given again"},
    {"target", OPTION_TEXT, "NAME", NULL, 0, 0, FIELD(target), url_check_name,
     "the target's iSCSI name, when there is no URL"},
    {"lun", OPTION_TEXT, "NUMBER", NULL, 0, 0, FIELD(lun), NULL,
     "the number of the LUN, when there is no URL: 0 to 16383"},

    /* Who we are. */
    {"initiator", OPTION_TEXT, "NAME", NULL, 0, 0, FIELD(initiator), url_check_name,
     "our iSCSI name; else /etc/iscsi/initiatorname.iscsi, else from the machine ID"},
    {"chap_user", OPTION_TEXT, "USER", NULL, 0, 0, FIELD(chap_user), NULL,
     "log in with CHAP as this user"},
    {"chap_secret_file", OPTION_PATH, "PATH|credential:NAME", NULL, 0, 0, FIELD(chap_secret_file),
     NULL, "file with the CHAP secret, not readable by others"},
    {"mutual_chap_user", OPTION_TEXT, "USER", NULL, 0, 0, FIELD(mutual_chap_user), NULL,
     "the target has to prove that it is this user"},
    {"mutual_chap_secret_file", OPTION_PATH, "PATH|credential:NAME", NULL, 0, 0,
     FIELD(mutual_chap_secret_file), NULL, "file with the secret that the target has to know"},
    {"header_digest", OPTION_CHOICE, "none|crc32c", "none", 0, 0, FIELD(header_digest), NULL,
     "checksums over the headers of iSCSI"},
    {"tcp_congestion", OPTION_TEXT, "NAME|system", NULL, 0, 0, FIELD(tcp_congestion),
     options_check_congestion, "congestion control of the connection to the target; else cubic"},

    /* What is served. */
    {"name", OPTION_TEXT, "NAME", NULL, 0, 0, FIELD(name), options_check_name,
     "the name of this daemon, and of its NBD export"},
    {"nbd", OPTION_LIST, "unix:PATH|tcp:HOST:PORT", NULL, 0, 0, FIELD(nbd), front_end_check_nbd,
     "serve the LUN by NBD on this address; may be given again"},
    {"fuse", OPTION_LIST, "PATH", NULL, 0, 0, FIELD(fuse), NULL,
     "serve the LUN as this file; may be given again"},
    {"fuse_mode", OPTION_MODE, "MODE", "0600", 0, 0777, FIELD(fuse_mode), NULL,
     "permissions of that file"},
    {"device", OPTION_TEXT, "nbd|/dev/nbdN", NULL, 0, 0, FIELD(device), device_check,
     "serve the LUN as this block device of the kernel; nbd: any that is free"},
    {"connections", OPTION_NUMBER, "COUNT", "16", 1, 100, FIELD(connections), NULL,
     "NBD clients at once"},
    {"read_only", OPTION_SWITCH, "yes|no", "no", 0, 0, FIELD(read_only), NULL,
     "refuse every write"},

    /* What is kept, and what is waited for. */
    {"journal", OPTION_PATH, "none|memory|PATH", "none", 0, 0, FIELD(journal),
     options_check_journal, "where writes are kept while the target is away"},
    {"journal_size", OPTION_SIZE, "SIZE", NULL, JOURNAL_BYTES_MIN, 1024 * 1024 * MIB,
     FIELD(journal_size), NULL,
     "size of a journal that is made; else 1G for a file, 64M in memory"},
    {"journal_cache", OPTION_SIZE, "SIZE", NULL, MIB, 1024 * 1024 * MIB, FIELD(journal_cache), NULL,
     "more memory, for what the journal holds; else 64M for a file, 16M in memory"},
    {"journal_engine", OPTION_CHOICE, "auto|uring|thread", "auto", 0, 0, FIELD(journal_engine),
     NULL, "how the journal's device is driven; for tests"},
    {"destage", OPTION_CHOICE, "coalesce|ordered", "coalesce", 0, 0, FIELD(destage), NULL,
     "in which order the journal is brought to the LUN"},
    {"on_journal_failure", OPTION_CHOICE, "park|continue", "park", 0, 0, FIELD(on_journal_failure),
     NULL, "when a failed journal cannot be marked so: writes wait, or go on"},
    {"replay", OPTION_CHOICE, "checked|force", "checked", 0, 0, FIELD(replay), NULL,
     "when another system wrote to the LUN meanwhile: stop, or write over it"},
    {"memory", OPTION_SIZE, "SIZE", "32M", 4 * MIB, 1024 * 1024 * MIB, FIELD(memory), NULL,
     "memory for data under way and for retained writes"},
    {"retain", OPTION_SIZE, "SIZE", "12M", 0, 1024 * 1024 * MIB, FIELD(retain), NULL,
     "synchronise the target's cache when it holds more acknowledged data than this"},
    {"retain_time", OPTION_DURATION, "TIME", "1s", 10, HOUR, FIELD(retain_time), NULL,
     "... or when the oldest of that data is as old as this"},
    {"on_full", OPTION_CHOICE, "wait|error", "wait", 0, 0, FIELD(on_full), NULL,
     "what to do when a thin pool of the target is exhausted"},
    {"outage_limit", OPTION_DURATION, "TIME", "0", 0, 365 * DAY, FIELD(outage_limit), NULL,
     "give requests an I/O error after waiting so long; 0: wait for ever"},

    /* How an outage is noticed. */
    {"connect_timeout", OPTION_DURATION, "TIME", "5s", 100, HOUR, FIELD(connect_timeout), NULL,
     "longest wait for a connection and its login"},
    {"command_timeout", OPTION_DURATION, "TIME", "30s", 100, HOUR, FIELD(command_timeout), NULL,
     "hang up when a command has no answer after this"},
    {"nop_interval", OPTION_DURATION, "TIME", "5s", 1000, HOUR, FIELD(nop_interval), NULL,
     "ask a silent target for a sign of life after this"},
    {"nop_timeout", OPTION_DURATION, "TIME", "5s", 100, HOUR, FIELD(nop_timeout), NULL,
     "hang up when there is none after this"},
    {"backoff_max", OPTION_DURATION, "TIME", "2s", 100, HOUR, FIELD(backoff_max), NULL,
     "longest pause between two attempts to reach the target"},
    {"stop_timeout", OPTION_DURATION, "TIME", "10s", 0, HOUR, FIELD(stop_timeout), NULL,
     "longest wait for the target when the daemon is told to stop"},

    /* The process. */
    {"poll_us", OPTION_NUMBER, "MICROSECONDS", "500", 0, 1000, FIELD(poll_us), NULL,
     "look for the next event so long before sleeping, where it pays; 0: never"},
    {"rest_us", OPTION_NUMBER, "MICROSECONDS", "100", 0, 1000, FIELD(rest_us), NULL,
     "with many requests under way, let so long answers come in before looking; 0: never"},
    {"lock_memory", OPTION_CHOICE, "auto|yes|no", "auto", 0, 0, FIELD(lock_memory), NULL,
     "keep the daemon out of swap; auto: when it may"},
    {"supervise", OPTION_SWITCH, "yes|no", "no", 0, 0, FIELD(supervise), NULL,
     "start the daemon again when it crashes, from memory"},
    {"root", OPTION_SWITCH, "yes|no", "no", 0, 0, FIELD(root), NULL,
     "the LUN is the root disk: outlive the initramfs, depend on no disk"},
    {"run_dir", OPTION_PATH, "PATH", NULL, 0, 0, FIELD(run_dir), NULL,
     "directory of the lock and the control socket; else /run/holdfast/NAME"},
    {0},
};
