#include "tests/sim/faults.h"

#include "tests/sim/rot.h"

enum fault {
    FAULT_CUT, /* in the order of the w_ options */
    FAULT_CUT_HALF,
    FAULT_CRASH,
    FAULT_HOST_CRASH,
    FAULT_HANG,
    FAULT_SILENCE,
    FAULT_PORTAL,
    FAULT_RESET_OTHER,
    FAULT_ATTENTION,
    FAULT_DEFERRED,
    FAULT_GROW,
    FAULT_SWAP,
    FAULT_FULL,
    FAULT_NETWORK_CHANGED,
    FAULT_RECONNECT,
    FAULT_DAEMON_CRASH,
    FAULT_DAEMON_STOP,
    FAULT_POWER,
    FAULT_JDEV_WRITE,
    FAULT_JDEV_SYNC,
    FAULT_JDEV_DEAD,
    FAULT_JDEV_READ,
    FAULT_JDEV_ROT,
    FAULT_JDEV_ROT_DATA,
    FAULT_FOREIGN,
    FAULT_RESERVE,
    FAULT_ELSEWHERE,
    FAULTS,
};

static uint64_t outage_us(struct faults *faults)
{
    return rng_log_range(&faults->rng, 1, (uint64_t)faults->options->outage_ms * 1000);
}

static enum media_crash crash_mode(struct faults *faults)
{
    if (faults->options->crash_loses > 0)
        return (enum media_crash)(faults->options->crash_loses - 1);
    return (enum media_crash)rng_below(&faults->rng, 3);
}

static void attention(struct faults *faults)
{
    static const uint8_t codes[][2] = {{0x29, 0x00}, {0x29, 0x02}, {0x2a, 0x01}, {0x2a, 0x09},
                                       {0x3f, 0x0e}, {0x3f, 0x03}, {0x29, 0x04}, {0x38, 0x07}};
    const uint8_t *code = codes[rng_below(&faults->rng, 8)];
    target_attention(faults->target, code[0], code[1]);
}

/* The clients may see an error there from now on. */
static void rot_data(struct faults *faults, struct journal_disk *disk)
{
    const struct rot_blocks rotten = rot_strike(disk);
    for (uint32_t i = 0; i < rotten.blocks; i++)
        faults->target->bad_ever |= UINT64_C(1) << (rotten.lba + i);
    if (!faults->daemon->volume)
        rot_mend(disk); /* the next start sees it */
}

static void strike_journal(struct faults *faults, enum fault fault)
{
    struct journal_disk *disk = &faults->daemon->disk;
    if (fault == FAULT_JDEV_WRITE) {
        disk->next_write_fails = true;
    } else if (fault == FAULT_JDEV_SYNC) {
        disk->next_sync_fails = true;
    } else if (fault == FAULT_JDEV_READ) {
        jdisk_fail_read(disk);
    } else if (fault == FAULT_JDEV_DEAD) {
        disk->is_dead = true;
        world_after(faults->world, &faults->disk_back, outage_us(faults));
    } else if (fault == FAULT_JDEV_ROT) {
        jdisk_rot(disk);
    } else if (fault == FAULT_JDEV_ROT_DATA) {
        rot_data(faults, disk);
    }
}

static void strike_daemon(struct faults *faults, enum fault fault)
{
    struct daemon *daemon = faults->daemon;
    uint64_t restart_us = rng_log_range(&faults->rng, 1, 3000000);
    if (fault == FAULT_DAEMON_CRASH)
        daemon_kill(daemon, restart_us);
    else if (fault == FAULT_DAEMON_STOP)
        daemon_stop(daemon, rng_log_range(&faults->rng, 1000, 30000000), restart_us);
    else if (fault == FAULT_POWER && daemon->options->mode != VOL_JOURNAL_NONE)
        daemon_power_lost(daemon, crash_mode(faults), restart_us);
    else if (daemon->volume && fault == FAULT_RECONNECT && !daemon->stopping)
        ses_reconnect(vol_session(daemon->volume));
    else if (daemon->volume && fault == FAULT_NETWORK_CHANGED)
        link_network_changed(&daemon->link);
    else
        strike_journal(faults, fault);
}

/* The LUN is mounted elsewhere while the daemon is dead, or cut off. */
static void mount_elsewhere(struct faults *faults)
{
    struct daemon *daemon = faults->daemon;
    uint64_t writes = rng_range(&faults->rng, 1, 3);
    if (rng_chance(&faults->rng, 500)) {
        daemon_kill(daemon, rng_log_range(&faults->rng, 1, 3000000));
    } else {
        target_set_network(faults->target, false);
        world_after(faults->world, &faults->network_up, outage_us(faults));
    }
    while (writes-- > 0)
        foreign_write(&daemon->foreign, daemon->oracle, &faults->rng);
}

static void strike_lun(struct faults *faults, enum fault fault)
{
    struct target *target = faults->target;
    switch (fault) {
    case FAULT_RESET_OTHER:
        target_reset_by_other(target, crash_mode(faults));
        break;
    case FAULT_ATTENTION:
        attention(faults);
        break;
    case FAULT_DEFERRED:
        target_deferred_error(target);
        break;
    case FAULT_GROW:
        target_grow(target, rng_range(&faults->rng, 1, 4));
        break;
    case FAULT_SWAP:
        if (!faults->daemon->volume || !vol_is_known(faults->daemon->volume))
            break; /* it would be taken for the right one */
        target_swap_lun(target, true, true);
        world_after(faults->world, &faults->lun_back, outage_us(faults));
        break;
    case FAULT_FULL:
        target->full = true;
        world_after(faults->world, &faults->pool_grows, outage_us(faults));
        break;
    case FAULT_FOREIGN:
        foreign_write(&faults->daemon->foreign, faults->daemon->oracle, &faults->rng);
        break;
    case FAULT_ELSEWHERE:
        mount_elsewhere(faults);
        break;
    case FAULT_RESERVE:
        target_reserve(target, true);
        world_after(faults->world, &faults->released, outage_us(faults));
        break;
    default:
        strike_daemon(faults, fault);
    }
}

static void strike_target(struct faults *faults, enum fault fault)
{
    struct target *target = faults->target;
    switch (fault) {
    case FAULT_CUT:
        target_cut(target, true);
        break;
    case FAULT_CUT_HALF:
        target_cut(target, false);
        break;
    case FAULT_CRASH:
    case FAULT_HOST_CRASH:
        target_crash(target, crash_mode(faults), fault == FAULT_HOST_CRASH);
        world_after(faults->world, &faults->target_up, outage_us(faults));
        break;
    case FAULT_HANG:
        target_hang(target, true);
        world_after(faults->world, &faults->goes_on, outage_us(faults));
        break;
    case FAULT_SILENCE:
        target_set_network(target, false);
        world_after(faults->world, &faults->network_up, outage_us(faults));
        break;
    case FAULT_PORTAL:
        target->portals_up &= ~(1u << rng_below(&faults->rng, faults->options->portals));
        world_after(faults->world, &faults->portal_up, outage_us(faults));
        break;
    default:
        strike_lun(faults, fault);
    }
}

/* What it draws itself shifts nothing else. */
static void strike(struct faults *faults, const struct script_fault *fault)
{
    struct rng rng = faults->rng;
    faults->struck++;
    faults->rng = (struct rng){fault->draw};
    faults->tells = rng_chance(&faults->rng, 500);
    strike_target(faults, (enum fault)fault->kind);
    faults->rng = rng;
}

void faults_strike(struct faults *faults)
{
    const unsigned *weights = &faults->options->w_cut;
    unsigned sum = 0;
    for (unsigned i = 0; i < FAULTS; i++)
        sum += weights[i];
    if (sum == 0 || faults->left == 0 || faults->over)
        return;
    const struct script_fault fault = {
        .at_us = faults->world->now_us,
        .kind = rng_pick(&faults->rng, weights, FAULTS),
        .draw = rng_next(&faults->rng),
    };
    faults->left--;
    script_record_fault(faults->script, &fault);
    strike(faults, &fault);
}

/* The script's faults in front of `now` have struck. */
static void follow_script(struct faults *faults)
{
    const struct script *script = faults->script;
    if (faults->struck >= script->fault_count)
        return;
    uint64_t at_us = script->faults[faults->struck].at_us, now_us = faults->world->now_us;
    world_after(faults->world, &faults->next, at_us > now_us ? at_us - now_us : 0);
}

void faults_follow(struct faults *faults, struct script *script)
{
    faults->script = script;
    if (!script_replays(script))
        return;
    world_cancel(faults->world, &faults->next);
    follow_script(faults);
}

void faults_moment(struct faults *faults)
{
    if (faults->over || script_replays(faults->script) || event_is_scheduled(&faults->moment) ||
        !rng_chance(&faults->rng, faults->options->moment_pm))
        return;
    world_after(faults->world, &faults->moment, rng_below(&faults->rng, 3000));
}

static void next_event(struct event *event)
{
    struct faults *faults = container_of(event, struct faults, next);
    if (script_replays(faults->script)) {
        strike(faults, &faults->script->faults[faults->struck]);
        follow_script(faults);
        return;
    }
    faults_strike(faults);
    if (faults->left > 0)
        world_after(faults->world, event,
                    rng_log_range(&faults->rng, 100, 4ull * faults->options->fault_gap_us));
}

static void moment_event(struct event *event)
{
    faults_strike(container_of(event, struct faults, moment));
}

/* The local network tells, as netlink does, in half of the cases. */
static void maybe_tell(struct faults *faults)
{
    if (faults->daemon->volume && faults->tells)
        link_network_changed(&faults->daemon->link);
}

static void network_up(struct event *event)
{
    struct faults *faults = container_of(event, struct faults, network_up);
    target_set_network(faults->target, true);
    maybe_tell(faults);
}

static void target_up(struct event *event)
{
    target_start(container_of(event, struct faults, target_up)->target);
}

static void goes_on(struct event *event)
{
    target_hang(container_of(event, struct faults, goes_on)->target, false);
}

static void lun_back(struct event *event)
{
    struct faults *faults = container_of(event, struct faults, lun_back);
    target_swap_lun(faults->target, false, rng_chance(&faults->rng, 600));
}

static void pool_grows(struct event *event)
{
    container_of(event, struct faults, pool_grows)->target->full = false;
}

static void disk_back(struct event *event)
{
    container_of(event, struct faults, disk_back)->daemon->disk.is_dead = false;
}

static void released(struct event *event)
{
    target_reserve(container_of(event, struct faults, released)->target, false);
}

static void portal_up(struct event *event)
{
    struct faults *faults = container_of(event, struct faults, portal_up);
    faults->target->portals_up = (1u << faults->options->portals) - 1;
    target_move_stalled(faults->target);
}

void faults_init(struct faults *faults, struct world *world, const struct options *options,
                 struct target *target, struct daemon *daemon, uint64_t seed)
{
    *faults = (struct faults){
        .world = world,
        .options = options,
        .target = target,
        .daemon = daemon,
        .rng = rng_fork(seed, "faults"),
    };
    event_init(&faults->next, next_event);
    event_init(&faults->moment, moment_event);
    event_init(&faults->network_up, network_up);
    event_init(&faults->target_up, target_up);
    event_init(&faults->goes_on, goes_on);
    event_init(&faults->lun_back, lun_back);
    event_init(&faults->pool_grows, pool_grows);
    event_init(&faults->portal_up, portal_up);
    event_init(&faults->disk_back, disk_back);
    event_init(&faults->released, released);
    faults_begin(faults);
}

void faults_begin(struct faults *faults)
{
    faults->over = false;
    faults->left = faults->options->faults;
    world_after(faults->world, &faults->next,
                rng_log_range(&faults->rng, 1, 1 + faults->options->fault_gap_us));
}

void faults_end(struct faults *faults)
{
    struct event *const events[] = {&faults->next,       &faults->moment,    &faults->network_up,
                                    &faults->target_up,  &faults->goes_on,   &faults->lun_back,
                                    &faults->pool_grows, &faults->portal_up, &faults->disk_back,
                                    &faults->released};
    faults->over = true;
    for (unsigned i = 0; i < sizeof events / sizeof *events; i++)
        world_cancel(faults->world, events[i]);
    target_heal(faults->target);
    jdisk_heal(&faults->daemon->disk);
    daemon_mend_rot(faults->daemon);
    daemon_release_lun(faults->daemon);
}
