#include "tests/tools/faulty_device.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    struct faulty_rule rule;
    unsigned seen;
};

struct faulty_device {
    struct jdev_port port;
    struct jdev_port *device;
    struct timer_port *clock;
    struct rule rules[FAULTY_RULES];
    unsigned rule_count;
    unsigned strikes;
    unsigned on_their_way;
};

/* What the rules say about one operation. */
struct fate {
    int error; /* 0: none */
    bool cut;
    uint64_t bytes; /* that are transferred, when cut */
    uint64_t delay_ms;
    bool flip;
    uint64_t flip_at;
    uint8_t mask;
};

/* An operation on its way: what the device underneath sees of it. */
struct shadow {
    struct jdev_op op;
    struct jdev_op *original;
    struct faulty_device *faulty;
    struct fate fate;
    struct iovec iov;
    char *memory; /* a copy, when what is written is not what the caller has */
    int error;
    struct timer timer;
};

static struct faulty_device *from_port(struct jdev_port *port)
{
    return container_of(port, struct faulty_device, port);
}

/* --- rules --- */

static bool strikes(struct rule *rule, enum jdev_kind kind)
{
    if (rule->rule.kind != kind)
        return false;
    unsigned times = rule->rule.times > 0 ? rule->rule.times : 1;
    rule->seen++;
    return rule->seen >= rule->rule.nth && rule->seen - rule->rule.nth < times;
}

static void apply(struct fate *fate, const struct faulty_rule *rule)
{
    switch (rule->action) {
    case FAULTY_FAIL:
        fate->error = fate->error ? fate->error : rule->error;
        break;
    case FAULTY_SHORT:
        fate->cut = true;
        fate->bytes = rule->bytes;
        break;
    case FAULTY_DELAY:
        fate->delay_ms = rule->delay_ms;
        break;
    case FAULTY_FLIP:
        fate->flip = true;
        fate->flip_at = rule->flip_at;
        fate->mask = rule->mask;
        break;
    }
}

static struct fate draw(struct faulty_device *faulty, enum jdev_kind kind, uint64_t bytes)
{
    struct fate fate = {0};
    bool struck = false;
    for (unsigned i = 0; i < faulty->rule_count; i++) {
        struct rule *rule = &faulty->rules[i];
        if (!strikes(rule, kind))
            continue;
        struck = true;
        apply(&fate, &rule->rule);
    }
    if (fate.cut && fate.bytes >= bytes)
        fate.cut = false;
    faulty->strikes += struck;
    return fate;
}

/* --- memory --- */

static void copy(const struct jdev_op *op, char *memory, bool gather)
{
    for (int i = 0; i < op->iov_count; i++) {
        const struct iovec *iov = &op->iov[i];
        if (gather)
            memcpy(memory, iov->iov_base, iov->iov_len);
        else
            memcpy(iov->iov_base, memory, iov->iov_len);
        memory += iov->iov_len;
    }
}

static void flip(const struct fate *fate, char *memory, uint64_t bytes)
{
    if (fate->flip && fate->flip_at < bytes)
        memory[fate->flip_at] = (char)(memory[fate->flip_at] ^ fate->mask);
}

/* Spoiled operations go through a copy of their own; `bytes` > 0. */
static void use_copy(struct shadow *shadow)
{
    struct jdev_op *op = &shadow->op;
    shadow->memory = aligned_alloc(4096, (op->bytes + 4095) / 4096 * 4096);
    assert(shadow->memory);
    copy(op, shadow->memory, true);
    if (op->kind == JDEV_WRITE)
        flip(&shadow->fate, shadow->memory, op->bytes);
    if (shadow->fate.cut)
        op->bytes = shadow->fate.bytes;
    shadow->iov = (struct iovec){.iov_base = shadow->memory, .iov_len = op->bytes};
    op->iov = &shadow->iov;
    op->iov_count = 1;
}

static void return_copy(struct shadow *shadow)
{
    if (shadow->memory && shadow->op.kind == JDEV_READ) {
        flip(&shadow->fate, shadow->memory, shadow->op.bytes);
        copy(shadow->original, shadow->memory, false);
    }
    free(shadow->memory);
}

/* --- operations --- */

static void end(struct shadow *shadow)
{
    struct jdev_op *original = shadow->original;
    int error = shadow->error;
    return_copy(shadow);
    shadow->faulty->on_their_way--;
    free(shadow);
    original->done(original, error);
}

static void timer_fired(struct timer *timer)
{
    end(container_of(timer, struct shadow, timer));
}

static void end_after(struct shadow *shadow)
{
    port_timer_after_ms(shadow->faulty->clock, &shadow->timer, shadow->fate.delay_ms);
}

static void carried_out(struct jdev_op *op, int error)
{
    struct shadow *shadow = container_of(op, struct shadow, op);
    shadow->error = error == 0 && shadow->fate.cut ? -EIO : error;
    if (shadow->fate.delay_ms > 0)
        end_after(shadow);
    else
        end(shadow);
}

static void submit(struct jdev_port *port, struct jdev_op *op)
{
    struct faulty_device *faulty = from_port(port);
    struct shadow *shadow = calloc(1, sizeof *shadow);
    assert(shadow);
    uint64_t bytes = op->kind == JDEV_SYNC ? 0 : op->bytes;
    shadow->original = op;
    shadow->faulty = faulty;
    shadow->fate = draw(faulty, op->kind, bytes);
    shadow->op = *op;
    shadow->op.done = carried_out;
    timer_init(&shadow->timer, timer_fired);
    faulty->on_their_way++;
    const struct fate *fate = &shadow->fate;
    if (fate->error || (fate->cut && fate->bytes == 0)) {
        shadow->error = fate->error ? fate->error : -EIO;
        end_after(shadow); /* never from inside submit() */
        return;
    }
    if (bytes > 0 && (fate->cut || fate->flip))
        use_copy(shadow);
    faulty->device->ops->submit(faulty->device, &shadow->op);
}

static int read_now(struct jdev_port *port, uint64_t offset, void *data, size_t bytes)
{
    struct faulty_device *faulty = from_port(port);
    struct fate fate = draw(faulty, JDEV_READ, bytes);
    if (fate.error)
        return fate.error;
    size_t count = fate.cut ? (size_t)fate.bytes : bytes;
    int error = faulty->device->ops->read_now(faulty->device, offset, data, count);
    flip(&fate, data, count);
    return error == 0 && fate.cut ? -EIO : error;
}

static int sync_now(struct jdev_port *port)
{
    struct faulty_device *faulty = from_port(port);
    struct fate fate = draw(faulty, JDEV_SYNC, 0);
    return fate.error ? fate.error : faulty->device->ops->sync_now(faulty->device);
}

static int write_now(struct jdev_port *port, uint64_t offset, const void *data, size_t bytes)
{
    struct faulty_device *faulty = from_port(port);
    struct fate fate = draw(faulty, JDEV_WRITE, bytes);
    if (fate.error)
        return fate.error;
    size_t count = fate.cut ? (size_t)fate.bytes : bytes;
    char *memory = malloc(bytes + 1);
    assert(memory);
    memcpy(memory, data, bytes);
    flip(&fate, memory, bytes);
    int error = faulty->device->ops->write_now(faulty->device, offset, memory, count);
    free(memory);
    if (error == 0 && fate.cut)
        error = -EIO;
    return error < 0 ? error : draw(faulty, JDEV_SYNC, 0).error;
}

static const struct jdev_port_ops ops = {
    .submit = submit, .read_now = read_now, .write_now = write_now, .sync_now = sync_now};

struct faulty_device *faulty_device_new(struct jdev_port *device, struct timer_port *clock)
{
    struct faulty_device *faulty = calloc(1, sizeof *faulty);
    if (faulty == NULL)
        return NULL;
    faulty->port = (struct jdev_port){.ops = &ops, .size_bytes = device->size_bytes};
    faulty->device = device;
    faulty->clock = clock;
    return faulty;
}

void faulty_device_free(struct faulty_device *faulty)
{
    assert(faulty == NULL || faulty->on_their_way == 0);
    free(faulty);
}

struct jdev_port *faulty_device_port(struct faulty_device *faulty)
{
    return &faulty->port;
}

void faulty_device_add(struct faulty_device *faulty, const struct faulty_rule *rule)
{
    assert(faulty->rule_count < FAULTY_RULES && rule->nth > 0);
    assert(rule->action != FAULTY_FAIL || rule->error < 0);
    assert(rule->bytes % JDEV_ALIGN == 0);
    faulty->rules[faulty->rule_count++] = (struct rule){.rule = *rule};
}

void faulty_device_heal(struct faulty_device *faulty)
{
    faulty->rule_count = 0;
}

unsigned faulty_device_strikes(const struct faulty_device *faulty)
{
    return faulty->strikes;
}
