/* A volume on a fake session, and requests that remember their answer. */
#ifndef VOLUME_RIG_H
#define VOLUME_RIG_H

#include "tests/unit/unit.h"
#include "tests/unit/volume/fake_session.h"
#include "volume/volume.h"

struct rig {
    struct fake_clock clock;
    struct random_port random;
    struct trace_port trace;
    struct link_port link;
    struct trace_event events[64];
    unsigned event_count;
    struct volume *volume;
    struct session *session;
    bool stopped;
};

/* Makes the volume in a zeroed rig, not started. */
void rig_init(struct rig *rig, const struct vol_config *config);
/* Known and ready unless `config` is for a disk that was never seen (rig_new_unseen). */
struct rig *rig_new(const struct vol_config *config);
struct rig *rig_new_unseen(const struct vol_config *config);
/* Checks that no buffer was leaked: all of the pool is free after a final flush. */
void rig_free(struct rig *rig);
/* As a crash: whatever is under way is forgotten. */
void rig_crash(struct rig *rig);

const struct trace_event *rig_event(const struct rig *rig, enum trace_code code);

struct call {
    struct vol_request request;
    struct rig *rig;
    bool answered;
    struct vol_extent extents[16];
};

/* Submits; the payload of a write is `length` bytes of `fill`. */
void call_start(struct rig *rig, struct call *call, enum vol_op op, uint64_t offset,
                uint64_t length, uint32_t flags, uint8_t fill);
/* As call_start, then runs the session until nothing waits; asserts an answer and its error. */
void call_now(struct rig *rig, struct call *call, enum vol_op op, uint64_t offset, uint64_t length,
              uint32_t flags, uint8_t fill, int error);
/* Asserts that the bytes of an answered read are all `fill`. */
void call_expect(const struct call *call, uint64_t from, uint64_t length, uint8_t fill);
void call_done(struct call *call);

/* Writes and reads through the volume at once. */
void rig_write(struct rig *rig, uint64_t offset, uint64_t length, uint8_t fill);
void rig_expect(struct rig *rig, uint64_t offset, uint64_t length, uint8_t fill);
void rig_flush(struct rig *rig);
/* Asserts bytes in the target's own memory. */
void rig_expect_cache(const struct rig *rig, uint64_t offset, uint64_t length, uint8_t fill);
void rig_expect_stable(const struct rig *rig, uint64_t offset, uint64_t length, uint8_t fill);

#endif
