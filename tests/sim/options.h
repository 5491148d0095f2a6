/*
 * What a seed draws before anything runs: sizes, abilities, rates. Most rates are 0 in most
 * seeds (a "swarm"), so that each kind of trouble also happens alone.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

/* _pm: per thousand; _us, _ms: time. X(name, meaning) in the order of printing. */
#define OPTIONS(X)                                                                                 \
    /* the LUN */                                                                                  \
    X(block_bytes)                                                                                 \
    X(blocks)                                                                                      \
    X(grow_blocks)                                                                                 \
    X(cells_per_block)                                                                             \
    X(write_cache) /* WCE as reported; the cache is volatile in any case */                        \
    X(dpofua)                                                                                      \
    X(thin)                                                                                        \
    X(unmap)                                                                                       \
    X(unmap_zeroes) /* LBPRZ */                                                                    \
    X(unmap_ignored_pm)                                                                            \
    X(write_same)                                                                                  \
    X(write_same_unmap)                                                                            \
    X(lba_status)                                                                                  \
    X(descriptor_sense)                                                                            \
    /* the target */                                                                               \
    X(strict)      /* a login with the same ISID ends the old commands; else only LUN RESET */     \
    X(reset_waits) /* LUN RESET is answered when the old commands are done; else it ends them */   \
    X(reset_loses) /* LUN RESET loses the volatile cache */                                        \
    X(reset_attention)                                                                             \
    X(login_attention)                                                                             \
    X(task_aborted) /* TAS: commands that another aborts are answered */                           \
    X(queue_depth)                                                                                 \
    X(exec_us)                                                                                     \
    X(sync_us)                                                                                     \
    X(ghost_us)                                                                                    \
    X(max_write_bytes)                                                                             \
    X(limits_change_pm)                                                                            \
    X(busy_pm)                                                                                     \
    X(aborted_pm)                                                                                  \
    X(no_sense_pm)                                                                                 \
    X(residual_pm)                                                                                 \
    X(response_pm)                                                                                 \
    X(stuck_pm)                                                                                    \
    X(sync_fails_pm)                                                                               \
    X(medium_error_pm) /* of a READ: stays until the block is written */                           \
    X(write_error_pm)  /* of a WRITE: once */                                                      \
    X(login_refused_pm)                                                                            \
    X(login_close_pm)                                                                              \
    X(not_found_pm) /* login refused as "no such target", to a daemon that knows the LUN */        \
    X(absent)       /* after a start there is no LUN yet, instead of NOT READY */                  \
    X(reset_refused)                                                                               \
    X(reserved_exclusively) /* a reservation of another initiator forbids reads, too */            \
    X(not_ready_ms)         /* after a start */                                                    \
    /* the network */                                                                              \
    X(net_us)                                                                                      \
    X(portals)                                                                                     \
    /* the clients */                                                                              \
    X(clients)                                                                                     \
    X(depth)                                                                                       \
    X(operations)                                                                                  \
    X(think_us)                                                                                    \
    X(pause_pm)                                                                                    \
    X(hot_cells)                                                                                   \
    X(fua_pm)                                                                                      \
    X(flush_weight)                                                                                \
    X(read_weight)                                                                                 \
    X(trim_weight)                                                                                 \
    X(zeroes_weight)                                                                               \
    X(status_weight)                                                                               \
    X(big_pm)                                                                                      \
    X(resend)                                                                                      \
    X(scan)                                                                                        \
    /* the daemon */                                                                               \
    X(retain_bytes)                                                                                \
    X(retain_ms)                                                                                   \
    X(request_count)                                                                               \
    X(memory_mib)                                                                                  \
    X(command_timeout_ms)                                                                          \
    X(nop_interval_ms)                                                                             \
    X(nop_timeout_ms)                                                                              \
    X(connect_timeout_ms)                                                                          \
    X(setup_timeout_ms)                                                                            \
    /* the journal */                                                                              \
    X(mode) /* enum vol_journal_mode */                                                            \
    X(ordered)                                                                                     \
    X(ring_blocks)                                                                                 \
    X(cache_bytes)                                                                                 \
    X(record_count)                                                                                \
    X(entry_count)                                                                                 \
    X(jdev_us)                                                                                     \
    X(jdev_sync_us)                                                                                \
    X(continue_unmarked)                                                                           \
    X(old_ring)     /* the ring is full of another journal's records: enum old_ring */             \
    X(quiet_blocks) /* the last ones are hardly ever written */                                    \
    X(canaries)     /* places that are watched for other initiators */                             \
    X(export_ms)    /* how long another process reads the ring at the most; 0: none does */        \
    X(drain_ms)     /* how long nobody drains, at the most; 0: nobody does */                      \
    /* the faults */                                                                               \
    X(faults)                                                                                      \
    X(fault_gap_us)                                                                                \
    X(moment_pm)                                                                                   \
    X(outage_ms)                                                                                   \
    X(crash_loses) /* enum media_crash + 1; 0: drawn each time */                                  \
    X(w_cut)                                                                                       \
    X(w_cut_half)                                                                                  \
    X(w_crash)                                                                                     \
    X(w_host_crash)                                                                                \
    X(w_hang)                                                                                      \
    X(w_silence)                                                                                   \
    X(w_portal)                                                                                    \
    X(w_reset_other)                                                                               \
    X(w_attention)                                                                                 \
    X(w_deferred)                                                                                  \
    X(w_grow)                                                                                      \
    X(w_swap)                                                                                      \
    X(w_full)                                                                                      \
    X(w_network_changed)                                                                           \
    X(w_reconnect)                                                                                 \
    X(w_daemon_crash)                                                                              \
    X(w_daemon_stop)                                                                               \
    X(w_power)      /* the daemon's host, with its clients */                                      \
    X(w_jdev_write) /* the next write of the journal's disk fails */                               \
    X(w_jdev_sync)                                                                                 \
    X(w_jdev_dead)     /* no write works for some time */                                          \
    X(w_jdev_read)     /* the next read fails, or shows a wrong bit */                             \
    X(w_jdev_rot)      /* a copy of the superblock rots */                                         \
    X(w_jdev_rot_data) /* data in the ring rot */                                                  \
    X(w_foreign)       /* another initiator writes to the LUN */                                   \
    X(w_reserve)       /* ... reserves it */                                                       \
    X(w_elsewhere)     /* ... writes to it while the daemon is dead or cut off */                  \
    /* the end */                                                                                  \
    X(final_flush)                                                                                 \
    X(final_stop)                                                                                  \
    X(final_drain)

struct options {
#define OPTION_FIELD(name) uint32_t name;
    OPTIONS(OPTION_FIELD)
#undef OPTION_FIELD
};

void options_draw(struct options *options, uint64_t seed);

/* A handful of operations on a few blocks, and nothing that goes wrong by itself. */
void options_make_tiny(struct options *options);

/* name=value of every option that is not 0. */
void options_print(const struct options *options, FILE *to);

/* The same, as lines "set name=value". */
void options_print_lines(const struct options *options, FILE *to);

/* Sets the index-th option to 0 if it is one of trouble that a run can do without. Returns whether
 * it is, or -1 beyond the last one. */
int options_clear(struct options *options, unsigned index);

/* "name=value" replaces what was drawn. Returns 0 or -EINVAL. */
int options_set(struct options *options, const char *assignment);

#endif
