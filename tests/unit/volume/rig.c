#include "tests/unit/volume/rig.h"

#include <stdlib.h>
#include <string.h>

static void record(struct trace_port *port, const struct trace_event *event)
{
    struct rig *rig = container_of(port, struct rig, trace);
    if (rig->event_count < 64)
        rig->events[rig->event_count++] = *event;
}

void rig_init(struct rig *rig, const struct vol_config *config)
{
    fake_clock_init(&rig->clock);
    rig->trace.emit = record;
    assert_int_equal(vol_new(config ? config : &vol_config_default, &ses_config_default, &rig->link,
                             &rig->clock.port, &rig->random, &rig->trace, &rig->volume),
                     0);
    rig->session = vol_session(rig->volume);
}

struct rig *rig_new_unseen(const struct vol_config *config)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_init(rig, config);
    vol_start(rig->volume);
    assert_true(rig->session->started);
    return rig;
}

struct rig *rig_new(const struct vol_config *config)
{
    struct rig *rig = rig_new_unseen(config);
    fake_ready(rig->session);
    return rig;
}

void rig_crash(struct rig *rig)
{
    vol_free(rig->volume);
    free(rig);
}

void rig_free(struct rig *rig)
{
    rig_flush(rig);
    struct vol_status status;
    vol_status(rig->volume, &status);
    assert_int_equal(status.requests, 0);
    assert_int_equal(status.retained_bytes, 0);
    assert_int_equal(status.memory_used, 0);
    rig_crash(rig);
}

const struct trace_event *rig_event(const struct rig *rig, enum trace_code code)
{
    for (unsigned i = 0; i < rig->event_count; i++)
        if (rig->events[i].code == code)
            return &rig->events[i];
    return NULL;
}

static void answered(struct vol_request *request)
{
    struct call *call = container_of(request, struct call, request);
    assert_false(call->answered);
    call->answered = true;
}

void call_start(struct rig *rig, struct call *call, enum vol_op op, uint64_t offset,
                uint64_t length, uint32_t flags, uint8_t fill)
{
    *call = (struct call){.rig = rig};
    call->request = (struct vol_request){
        .op = op,
        .flags = flags,
        .offset = offset,
        .length = length,
        .extents = call->extents,
        .extent_room = 16,
        .done = answered,
    };
    if (op == VOL_READ || op == VOL_WRITE) {
        call->request.buffer = buffer_get(vol_buffers(rig->volume), (uint32_t)length);
        assert_non_null(call->request.buffer);
        memset(call->request.buffer->data, fill, length);
    }
    vol_submit(rig->volume, &call->request);
}

void call_now(struct rig *rig, struct call *call, enum vol_op op, uint64_t offset, uint64_t length,
              uint32_t flags, uint8_t fill, int error)
{
    call_start(rig, call, op, offset, length, flags, fill);
    fake_run_all(rig->session);
    assert_true(call->answered);
    assert_int_equal(call->request.error, error);
}

static void expect_bytes(const uint8_t *data, uint64_t length, uint8_t fill)
{
    for (uint64_t i = 0; i < length; i++)
        if (data[i] != fill)
            fail_msg("byte %llu is %02x, not %02x", (unsigned long long)i, data[i], fill);
}

void call_expect(const struct call *call, uint64_t from, uint64_t length, uint8_t fill)
{
    assert_true(call->answered);
    expect_bytes(call->request.buffer->data + from, length, fill);
}

void call_done(struct call *call)
{
    buffer_unref(call->request.buffer);
}

void rig_write(struct rig *rig, uint64_t offset, uint64_t length, uint8_t fill)
{
    struct call call;
    call_now(rig, &call, VOL_WRITE, offset, length, 0, fill, 0);
    call_done(&call);
}

void rig_expect(struct rig *rig, uint64_t offset, uint64_t length, uint8_t fill)
{
    struct call call;
    call_now(rig, &call, VOL_READ, offset, length, 0, (uint8_t)~fill, 0);
    call_expect(&call, 0, length, fill);
    call_done(&call);
}

void rig_flush(struct rig *rig)
{
    struct call call;
    call_now(rig, &call, VOL_FLUSH, 0, 0, 0, 0, 0);
}

void rig_expect_cache(const struct rig *rig, uint64_t offset, uint64_t length, uint8_t fill)
{
    expect_bytes(rig->session->cache + offset, length, fill);
}

void rig_expect_stable(const struct rig *rig, uint64_t offset, uint64_t length, uint8_t fill)
{
    expect_bytes(rig->session->stable + offset, length, fill);
}
