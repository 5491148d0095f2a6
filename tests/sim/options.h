/*
 * What a seed draws before anything runs: sizes, abilities, rates. Most rates are 0 in most
 * seeds (a "swarm"), so that each kind of trouble also happens alone.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

/* _pm: per thousand; _us, _ms: time. X(name, low, high) in the order of printing: what
 * it may be set to, which is no less than what is drawn. */
#define ANY UINT32_MAX
#define OPTIONS(X)                                                                                 \
    /* the LUN */                                                                                  \
    X(block_bytes, 512, 4096)                                                                      \
    X(blocks, 1, 48)                                                                               \
    X(grow_blocks, 0, 16)                                                                          \
    X(cells_per_block, 1, 4)                                                                       \
    X(write_cache, 0, 1) /* WCE as reported; the cache is volatile in any case */                  \
    X(dpofua, 0, 1)                                                                                \
    X(thin, 0, 1)                                                                                  \
    X(unmap, 0, 1)                                                                                 \
    X(unmap_zeroes, 0, 1) /* LBPRZ */                                                              \
    X(unmap_ignored_pm, 0, 1000)                                                                   \
    X(write_same, 0, 1)                                                                            \
    X(write_same_unmap, 0, 1)                                                                      \
    X(lba_status, 0, 1)                                                                            \
    X(descriptor_sense, 0, 1)                                                                      \
    /* the target */                                                                               \
    X(strict, 0, 1) /* a login with the same ISID ends the old commands; else only LUN RESET */    \
    X(reset_waits, 0, 1) /* LUN RESET is answered when old commands are done; else it ends them */ \
    X(reset_loses, 0, 1) /* LUN RESET loses the volatile cache */                                  \
    X(reset_attention, 0, 1)                                                                       \
    X(login_attention, 0, 1)                                                                       \
    X(task_aborted, 0, 1) /* TAS: commands that another aborts are answered */                     \
    X(queue_depth, 1, 1024)                                                                        \
    X(exec_us, 1, ANY)                                                                             \
    X(sync_us, 1, ANY)                                                                             \
    X(ghost_us, 1, ANY)                                                                            \
    X(max_write_bytes, 512, ANY)                                                                   \
    X(limits_change_pm, 0, 1000)                                                                   \
    X(busy_pm, 0, 1000)                                                                            \
    X(aborted_pm, 0, 1000)                                                                         \
    X(no_sense_pm, 0, 1000)                                                                        \
    X(residual_pm, 0, 1000)                                                                        \
    X(response_pm, 0, 1000)                                                                        \
    X(stuck_pm, 0, 1000)                                                                           \
    X(sync_fails_pm, 0, 1000)                                                                      \
    X(medium_error_pm, 0, 1000) /* of a READ: stays until the block is written */                  \
    X(write_error_pm, 0, 1000)  /* of a WRITE: once */                                             \
    X(login_refused_pm, 0, 1000)                                                                   \
    X(login_close_pm, 0, 1000)                                                                     \
    X(not_found_pm, 0, 1000) /* login refused as "no such target", to who knows the LUN */         \
    X(absent, 0, 1)          /* after a start there is no LUN yet, instead of NOT READY */         \
    X(reset_refused, 0, 1)                                                                         \
    X(reserved_exclusively, 0, 1) /* a reservation of another initiator forbids reads, too */      \
    X(not_ready_ms, 0, ANY)       /* after a start */                                              \
    /* the network */                                                                              \
    X(net_us, 1, ANY)                                                                              \
    X(portals, 1, 8)                                                                               \
    /* the clients */                                                                              \
    X(clients, 1, 64)                                                                              \
    X(depth, 1, 64)                                                                                \
    X(operations, 1, ANY)                                                                          \
    X(think_us, 1, ANY)                                                                            \
    X(pause_pm, 0, 1000)                                                                           \
    X(hot_cells, 0, ANY)                                                                           \
    X(fua_pm, 0, 1000)                                                                             \
    X(flush_weight, 0, 1000)                                                                       \
    X(read_weight, 0, 1000)                                                                        \
    X(trim_weight, 0, 1000)                                                                        \
    X(zeroes_weight, 0, 1000)                                                                      \
    X(status_weight, 0, 1000)                                                                      \
    X(big_pm, 0, 1000)                                                                             \
    X(resend, 0, 1)                                                                                \
    X(scan, 0, 1)                                                                                  \
    /* the daemon */                                                                               \
    X(retain_bytes, 1, ANY)                                                                        \
    X(retain_ms, 1, ANY)                                                                           \
    X(request_count, 1, 1024)                                                                      \
    X(memory_mib, 1, 1024)                                                                         \
    X(command_timeout_ms, 100, ANY)                                                                \
    X(nop_interval_ms, 1, ANY)                                                                     \
    X(nop_timeout_ms, 100, ANY)                                                                    \
    X(connect_timeout_ms, 100, ANY)                                                                \
    X(setup_timeout_ms, 100, ANY)                                                                  \
    /* the journal */                                                                              \
    X(mode, 0, 2) /* enum vol_journal_mode */                                                      \
    X(ordered, 0, 1)                                                                               \
    X(ring_blocks, 64, 65536)                                                                      \
    X(cache_bytes, 0, ANY)                                                                         \
    X(record_count, 0, ANY)                                                                        \
    X(entry_count, 0, ANY)                                                                         \
    X(jdev_us, 1, ANY)                                                                             \
    X(jdev_sync_us, 1, ANY)                                                                        \
    X(continue_unmarked, 0, 1)                                                                     \
    X(old_ring, 0, 2)      /* the ring is full of another journal's records: enum old_ring */      \
    X(quiet_blocks, 0, 48) /* the last ones are hardly ever written */                             \
    X(canaries, 0, 8)      /* places that are watched for other initiators */                      \
    X(export_ms, 0, ANY)   /* how long another process reads the ring at the most; 0: none does */ \
    X(drain_ms, 0, ANY)    /* how long nobody drains, at the most; 0: nobody does */               \
    /* the faults */                                                                               \
    X(faults, 0, ANY)                                                                              \
    X(fault_gap_us, 25, ANY)                                                                       \
    X(moment_pm, 0, 1000)                                                                          \
    X(outage_ms, 1, ANY)                                                                           \
    X(crash_loses, 0, 3) /* enum media_crash + 1; 0: drawn each time */                            \
    X(w_cut, 0, 1000)                                                                              \
    X(w_cut_half, 0, 1000)                                                                         \
    X(w_crash, 0, 1000)                                                                            \
    X(w_host_crash, 0, 1000)                                                                       \
    X(w_hang, 0, 1000)                                                                             \
    X(w_silence, 0, 1000)                                                                          \
    X(w_portal, 0, 1000)                                                                           \
    X(w_reset_other, 0, 1000)                                                                      \
    X(w_attention, 0, 1000)                                                                        \
    X(w_deferred, 0, 1000)                                                                         \
    X(w_grow, 0, 1000)                                                                             \
    X(w_swap, 0, 1000)                                                                             \
    X(w_full, 0, 1000)                                                                             \
    X(w_network_changed, 0, 1000)                                                                  \
    X(w_reconnect, 0, 1000)                                                                        \
    X(w_daemon_crash, 0, 1000)                                                                     \
    X(w_daemon_stop, 0, 1000)                                                                      \
    X(w_power, 0, 1000)      /* the daemon's host, with its clients */                             \
    X(w_jdev_write, 0, 1000) /* the next write of the journal's disk fails */                      \
    X(w_jdev_sync, 0, 1000)                                                                        \
    X(w_jdev_dead, 0, 1000)     /* no write works for some time */                                 \
    X(w_jdev_read, 0, 1000)     /* the next read fails, or shows a wrong bit */                    \
    X(w_jdev_rot, 0, 1000)      /* a copy of the superblock rots */                                \
    X(w_jdev_rot_data, 0, 1000) /* data in the ring rot */                                         \
    X(w_foreign, 0, 1000)       /* another initiator writes to the LUN */                          \
    X(w_reserve, 0, 1000)       /* ... reserves it */                                              \
    X(w_elsewhere, 0, 1000)     /* ... writes to it while the daemon is dead or cut off */         \
    /* the end */                                                                                  \
    X(final_flush, 0, 1)                                                                           \
    X(final_stop, 0, 1)                                                                            \
    X(final_drain, 0, 1)

struct options {
#define OPTION_FIELD(name, low, high) uint32_t name;
    OPTIONS(OPTION_FIELD)
#undef OPTION_FIELD
};

void options_draw(struct options *options, uint64_t seed);

/* What was drawn gives way where it does not go with what was set. */
void options_fit(struct options *options);

/* A handful of operations on a few blocks, and nothing that goes wrong by itself. */
void options_make_tiny(struct options *options);

/* name=value of every option that is not 0. */
void options_print(const struct options *options, FILE *to);

/* The same, as lines "set name=value". */
void options_print_lines(const struct options *options, FILE *to);

/* Sets the index-th option to 0 if it is one of trouble that a run can do without. Returns whether
 * it is, or -1 beyond the last one. */
int options_clear(struct options *options, unsigned index);

#define OPTION_WHY_BYTES 120u

/* "name=value" replaces what was drawn. Returns 0 or -EINVAL: then ret_why says what it may be. */
int options_set(struct options *options, const char *assignment, char *ret_why);

#endif
