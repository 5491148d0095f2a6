/*
 * Good day: a fresh context, connect, log in, read the negotiated keys off the log, `up`; then
 * commands are queued and sent once a turn from a hook, or sooner when they are much, answers are
 * read when the socket says so; conn_close().
 *
 * What can go wrong, and what is done (the traps of libiscsi 1.19):
 *  - After the first error the library cancels everything, claims to be logged in and would spin
 *    (T11); after a logout that the target asked for it forgets commands silently (T12). So after
 *    every call into it: rc, cancelled callbacks and iscsi_is_logged_in() decide; the first sign
 *    of death severs the socket, and `down` follows from the loop.
 *  - Its read and write loops go on after a callback. So severing replaces the socket under the
 *    library by one that is connected to nobody: not one more byte goes to the target or into a
 *    buffer, and the kernel throws away what was not sent yet (SO_LINGER 0) instead of delivering
 *    it behind our back.
 *  - The context must not be destroyed from inside a callback (T13): it goes to the graveyard and
 *    is destroyed by a deferred call.
 *  - Errors and negotiated keys are told only as text, and the log hook has no user pointer: the
 *    connection whose library call is running is kept in `current`.
 *
 * Cannot be helped from here: a hostile target can crash the library (T19), and an iSCSI response
 * code other than 0 is not seen (T7).
 */
#include "os/conn_libiscsi.h"

#include <assert.h>
#include <fcntl.h>
#include <iscsi/iscsi.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "os/commands_libiscsi.h"
#include "os/tcp_congestion.h"

#define KEEPALIVES    5
#define TMF_REJECTED  255 /* RFC 7143 11.6.1 */
#define DETAIL_BYTES  256
#define LOG_LOGIN     6 /* tells the keys of the login */
#define LOG_CONNECTED 2 /* errors, and what the target asks for */

/* So much payload is not left for the end of the turn: it is in the CPU's caches now, and the
 * target can begin. */
#define SEND_BYTES (128u * 1024)

struct conn {
    const struct link_config *config;
    bool discovery;
    struct evl *loop;
    const struct conn_events *events;
    void *owner;

    struct iscsi_context *context;
    struct commands *commands;
    struct evl_watch watch;
    int stopper_fd;        /* takes the socket's place when the connection is severed */
    struct evl_hook flush; /* sends what was queued in this turn */
    uint64_t queued_bytes; /* payload that may still wait for the hook */
    struct evl_call later; /* tells of the death, or buries */
    struct list_node *graveyard;
    struct list_node grave;

    struct login_facts facts;
    bool logged_in;
    bool asked_to_leave; /* the target sent an asynchronous message */
    bool severed;        /* the socket is gone; the library is not called any more */
    bool closed;         /* the owner is not called any more */
    bool data_out_broke;
    bool ping_is_queued; /* in the library, and may wait there for the target's command window */
    enum link_loss loss;
    char error[DETAIL_BYTES];  /* what the library said during the present call */
    char detail[DETAIL_BYTES]; /* why it died */
};

static struct conn *current;

/* --- death --- */

/* See the head of the file. The library keeps a descriptor that is open, and fails at every use. */
static void sever(struct conn *conn)
{
    if (conn->severed)
        return;
    conn->severed = true;
    evl_watch_stop(conn->loop, &conn->watch);
    evl_hook_cancel(&conn->flush);
    commands_abandon(conn->commands);

    int socket_fd = iscsi_get_fd(conn->context);
    if (socket_fd < 0)
        return;
    const struct linger discard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(socket_fd, SOL_SOCKET, SO_LINGER, &discard, sizeof discard);
    int fd = dup3(conn->stopper_fd, socket_fd, O_CLOEXEC);
    assert(fd == socket_fd); /* both are open: there is nothing that could be short */
}

/* The first reason counts. Told from the loop, never from in here. */
static void die(struct conn *conn, enum link_loss loss, const char *detail)
{
    if (conn->severed)
        return;
    conn->loss = conn->asked_to_leave ? LINK_LOSS_LOGOUT : loss;
    snprintf(conn->detail, sizeof conn->detail, "%s", detail);
    sever(conn);
    evl_call_defer(conn->loop, &conn->later);
}

/* The library gave the connection up. During a login that comes without a callback, too. */
static void die_of_error(struct conn *conn)
{
    if (library_error_is_data_out(conn->error)) {
        conn->data_out_broke = true;
        die(conn, LINK_LOSS_PROTOCOL,
            "a ping or an early answer of the target came between the "
            "data of a write; smaller writes are used from now on");
        return;
    }
    bool by_socket = library_error_is_socket(conn->error);
    const char *otherwise = conn->logged_in ? "the target closed the connection"
                                            : "the target closed the connection during the login";
    die(conn, by_socket ? LINK_LOSS_CLOSED : LINK_LOSS_PROTOCOL,
        library_error_words(conn->error, otherwise));
}

static void destroy(struct conn *conn)
{
    list_remove(&conn->grave);
    evl_call_cancel(&conn->later);
    if (conn->context) {
        /* Cancelled commands may call back from in here; commands_abandon() has silenced them. */
        current = NULL;
        iscsi_destroy_context(conn->context);
    }
    if (conn->stopper_fd >= 0)
        close(conn->stopper_fd);
    commands_free(conn->commands);
    free(conn);
}

static void later(struct evl_call *call)
{
    struct conn *conn = container_of(call, struct conn, later);
    if (conn->closed)
        destroy(conn);
    else
        conn->events->down(conn->owner, conn->loss, conn->detail, conn->data_out_broke);
}

void conn_close(struct conn *conn)
{
    if (conn == NULL)
        return;
    assert(!conn->closed);
    conn->closed = true;
    sever(conn);
    list_append(conn->graveyard, &conn->grave);
    evl_call_defer(conn->loop, &conn->later);
}

void conn_empty_graveyard(struct list_node *graveyard)
{
    while (!list_is_empty(graveyard))
        destroy(list_first(graveyard, struct conn, grave));
}

/* --- calling the library --- */

/* The first error of a call says what happened, later ones only who gave up because of it. */
static void remember_error(struct conn *conn, const char *message)
{
    if (conn->error[0] != '\0' || library_error_is_no_reason(message))
        return;
    snprintf(conn->error, sizeof conn->error, "%s", message);
    char *name = strstr(conn->error, " ["); /* the library appends " [target name]" */
    if (name && conn->config->target && strncmp(name + 2, conn->config->target, 8) == 0)
        *name = '\0';
}

static void library_says(int level, const char *message)
{
    struct conn *conn = current;
    if (conn == NULL)
        return;
    if (level <= 1)
        remember_error(conn, message);
    if (!conn->logged_in)
        login_facts_line(&conn->facts, message);
    if (strncmp(message, "target requests logout", 22) == 0 ||
        strncmp(message, "target requests parameter", 25) == 0 ||
        strncmp(message, "target will drop", 16) == 0)
        conn->asked_to_leave = true;
}

static void library_enter(struct conn *conn)
{
    current = conn;
    conn->error[0] = '\0';
}

static void library_leave(void)
{
    current = NULL;
}

static void watch_what_is_wanted(struct conn *conn)
{
    int wanted = iscsi_which_events(conn->context);
    evl_watch_set(conn->loop, &conn->watch,
                  (wanted & POLLIN ? EVL_READ : 0) | (wanted & POLLOUT ? EVL_WRITE : 0));
}

/* All of the library's work happens in here; afterwards the connection may be severed. */
static void service(struct conn *conn, int events)
{
    library_enter(conn);
    int rc = iscsi_service(conn->context, events);
    library_leave();
    if (conn->severed)
        return;
    if (rc < 0)
        die_of_error(conn);
    else if (conn->logged_in && !iscsi_is_logged_in(conn->context))
        die(conn, LINK_LOSS_LOGOUT,
            conn->asked_to_leave ? "the target asked us to log out" : "logged out");
}

static void cork(struct conn *conn, int on)
{
    if (!conn->severed)
        setsockopt(iscsi_get_fd(conn->context), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

/* The library sends PDU by PDU: corked, those of a turn share segments, and the target is woken up
 * once. */
static void send_queued(struct conn *conn)
{
    conn->queued_bytes = 0;
    bool several = iscsi_out_queue_length(conn->context) > 1;
    if (several)
        cork(conn, 1);
    service(conn, POLLOUT);
    if (several)
        cork(conn, 0);
}

/* Not from inside the library's own loops. */
static void send_much(struct conn *conn, uint64_t more_bytes)
{
    conn->queued_bytes += more_bytes;
    if (conn->queued_bytes >= SEND_BYTES && !conn->severed && current == NULL)
        send_queued(conn);
}

/* Once a turn, after everybody has submitted. */
static void flush(struct evl_hook *hook)
{
    struct conn *conn = container_of(hook, struct conn, flush);
    conn->queued_bytes = 0;
    if (iscsi_which_events(conn->context) & POLLOUT)
        send_queued(conn);
    if (!conn->severed)
        watch_what_is_wanted(conn);
}

static void ready(struct evl_watch *watch, unsigned events)
{
    struct conn *conn = container_of(watch, struct conn, watch);
    service(conn, (events & EVL_READ ? POLLIN : 0) | (events & EVL_WRITE ? POLLOUT : 0));
    if (conn->severed)
        return;
    if (conn->logged_in)
        evl_hook_request(conn->loop, &conn->flush);
    else
        watch_what_is_wanted(conn);
}

static void queued(struct conn *conn, int rc)
{
    if (rc < 0)
        die(conn, LINK_LOSS_PROTOCOL, "the iSCSI library is out of memory");
    else if (!conn->severed)
        evl_hook_request(conn->loop, &conn->flush);
}

/* --- connecting and logging in --- */

static bool mutual_chap_is_missing(const struct conn *conn)
{
    return conn->config->mutual_user &&
           !(conn->facts.target_named_itself && conn->facts.target_proved_itself);
}

static void came_up(struct conn *conn)
{
    if (mutual_chap_is_missing(conn)) {
        die(conn, LINK_LOSS_MUTUAL_CHAP, "the target let us in without proving its identity");
        return;
    }
    const char *fault = login_facts_fault(&conn->facts, conn->config->header_digest);
    if (fault && !conn->discovery) {
        die(conn, LINK_LOSS_PROTOCOL, fault);
        return;
    }
    conn->logged_in = true;
    iscsi_set_log_level(conn->context, LOG_CONNECTED);
    conn->events->up(conn->owner, &conn->facts);
}

static bool was_redirected(struct conn *conn, int status)
{
    const char *address = iscsi_get_target_address(conn->context);
    if (status != SCSI_STATUS_REDIRECT && login_status(conn->error) >> 8 != 0x01)
        return false;
    if (address[0] == '\0')
        return false;
    conn->events->redirected(conn->owner, address);
    return true;
}

static void login_ended(struct iscsi_context *context, int status, void *data, void *private_data)
{
    struct conn *conn = private_data;
    if (conn->severed || was_redirected(conn, status))
        return;
    if (status == SCSI_STATUS_GOOD)
        came_up(conn);
    else
        die(conn, login_loss(conn->error), library_error_words(conn->error, "login failed"));
}

static void connect_ended(struct iscsi_context *context, int status, void *data, void *private_data)
{
    struct conn *conn = private_data;
    if (conn->severed)
        return;
    if (status != SCSI_STATUS_GOOD)
        die(conn, LINK_LOSS_CONNECT, library_error_words(conn->error, "connection refused"));
    else if (iscsi_login_async(context, login_ended, conn) != 0)
        die(conn, LINK_LOSS_PROTOCOL, library_error_words(conn->error, "login not sent"));
}

static int set_chap(struct conn *conn)
{
    const struct link_config *config = conn->config;
    if (config->chap_user && iscsi_set_initiator_username_pwd(conn->context, config->chap_user,
                                                              config->chap_secret) != 0)
        return -1;
    if (config->mutual_user && iscsi_set_target_username_pwd(conn->context, config->mutual_user,
                                                             config->mutual_secret) != 0)
        return -1;
    return 0;
}

static void set_keepalive(struct iscsi_context *context, const struct link_config *config)
{
    if (config->keepalive_idle_s == 0)
        return;
    iscsi_set_tcp_keepidle(context, (int)config->keepalive_idle_s);
    iscsi_set_tcp_keepcnt(context, KEEPALIVES);
    iscsi_set_tcp_keepintvl(context, (int)max_u64(config->keepalive_s / KEEPALIVES, 1));
}

static void configure(struct conn *conn)
{
    const struct link_config *config = conn->config;
    struct iscsi_context *context = conn->context;
    struct isid_parts isid = isid_derive(config->initiator, config->target ? config->target : "",
                                         config->lun, config->isid_qualifier);
    iscsi_set_log_level(context, LOG_LOGIN);
    iscsi_set_log_fn(context, library_says);
    iscsi_set_noautoreconnect(context, 1);
    iscsi_set_timeout(context, 0); /* its timeouts corrupt the LUN (T1); the session has its own */
    iscsi_set_isid_random(context, isid.random, isid.qualifier);
    iscsi_set_initial_r2t(context, ISCSI_INITIAL_R2T_YES);
    iscsi_set_immediate_data(context, ISCSI_IMMEDIATE_DATA_YES);
    iscsi_set_header_digest(context, config->header_digest && !conn->discovery
                                         ? ISCSI_HEADER_DIGEST_CRC32C
                                         : ISCSI_HEADER_DIGEST_NONE);
    iscsi_set_session_type(context,
                           conn->discovery ? ISCSI_SESSION_DISCOVERY : ISCSI_SESSION_NORMAL);
    set_keepalive(context, config);
}

static void start(struct conn *conn, const char *address)
{
    configure(conn);
    if ((!conn->discovery && iscsi_set_targetname(conn->context, conn->config->target) != 0) ||
        set_chap(conn) != 0) {
        die(conn, LINK_LOSS_PROTOCOL, library_error_words(conn->error, "bad target name"));
        return;
    }
    if (iscsi_connect_async(conn->context, address, connect_ended, conn) != 0) {
        die(conn, LINK_LOSS_CONNECT, library_error_words(conn->error, "cannot connect"));
        return;
    }
    int fd = iscsi_get_fd(conn->context);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    const char *congestion = conn->config->congestion;
    tcp_congestion_set(fd, congestion ? congestion : TCP_CONGESTION_USUAL);
    evl_watch_init(&conn->watch, fd, ready);
    watch_what_is_wanted(conn);
}

static void given_up(void *owner, const char *detail)
{
    struct conn *conn = owner;
    if (detail && conn->error[0] == '\0')
        snprintf(conn->error, sizeof conn->error, "%s", detail);
    die_of_error(conn);
}

static const struct commands_events commands_events = {.given_up = given_up};

struct conn *conn_open(const struct conn_params *params, const char *address, struct evl *loop,
                       struct random_port *random, const struct conn_events *events, void *owner)
{
    struct conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL)
        return NULL;
    *conn = (struct conn){
        .config = params->config,
        .discovery = params->discovery,
        .graveyard = params->graveyard,
        .loop = loop,
        .events = events,
        .owner = owner,
    };
    evl_watch_init(&conn->watch, -1, ready);
    evl_hook_init(&conn->flush, flush);
    evl_call_init(&conn->later, later);
    list_init(&conn->grave);
    login_facts_init(&conn->facts);
    conn->commands = commands_new(random, &commands_events, conn);
    conn->context = iscsi_create_context(params->config->initiator);
    conn->stopper_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->commands == NULL || conn->context == NULL || conn->stopper_fd < 0) {
        destroy(conn);
        return NULL;
    }
    library_enter(conn);
    start(conn, address);
    library_leave();
    return conn;
}

/* --- a connection that is up --- */

void conn_submit(struct conn *conn, struct link_command *command)
{
    if (conn->severed) /* dead already, the owner just does not know it yet */
        return;
    assert(conn->logged_in);
    queued(conn,
           commands_submit(conn->commands, conn->context, lun_address(conn->config->lun), command));
    send_much(conn, command->direction == LINK_DATA_OUT ? command->data_bytes : 0);
}

static void reset_answered(struct iscsi_context *context, int status, void *data,
                           void *private_data)
{
    struct conn *conn = private_data;
    if (conn->severed)
        return;
    if (status == SCSI_STATUS_ERROR && library_error_is_refusal(conn->error))
        conn->events->reset_done(conn->owner, TMF_REJECTED);
    else if (status != SCSI_STATUS_GOOD || data == NULL)
        die_of_error(conn);
    else
        conn->events->reset_done(conn->owner, (uint8_t) * (uint32_t *)data);
}

/* Raw task management: the convenience functions cancel on a live socket (trap T2). */
void conn_reset_lun(struct conn *conn)
{
    if (conn->severed)
        return;
    queued(conn, iscsi_task_mgmt_async(conn->context, lun_address(conn->config->lun),
                                       ISCSI_TM_LUN_RESET, 0xffffffff, 0, reset_answered, conn));
}

static void ping_answered(struct iscsi_context *context, int status, void *data, void *private_data)
{
    struct conn *conn = private_data;
    if (conn->severed)
        return;
    conn->ping_is_queued = false;
    if (status != SCSI_STATUS_GOOD)
        die_of_error(conn);
    else
        conn->events->pong(conn->owner);
}

/* There is something to send, and it is not the socket that it waits for. */
static bool window_is_shut(struct conn *conn)
{
    return iscsi_out_queue_length(conn->context) > 0 &&
           !(iscsi_which_events(conn->context) & POLLOUT);
}

/* The library's pings count as commands, and wait for the target's window as those do. */
bool conn_ping(struct conn *conn)
{
    if (conn->severed)
        return true;
    if (!conn->ping_is_queued)
        queued(conn, iscsi_nop_out_async(conn->context, ping_answered, NULL, 0, conn));
    if (!conn->severed)
        send_queued(conn);
    conn->ping_is_queued = !conn->severed && window_is_shut(conn);
    return !conn->ping_is_queued;
}

static void logout_answered(struct iscsi_context *context, int status, void *data,
                            void *private_data)
{
    /* service() sees that it is not logged in any more. */
}

void conn_logout(struct conn *conn)
{
    if (conn->severed)
        return;
    queued(conn, iscsi_logout_async(conn->context, logout_answered, conn));
}

static void targets_came(struct iscsi_context *context, int status, void *data, void *private_data)
{
    struct conn *conn = private_data;
    if (conn->severed)
        return;
    if (status != SCSI_STATUS_GOOD)
        die_of_error(conn);
    else
        conn->events->targets(conn->owner, data);
}

void conn_send_targets(struct conn *conn)
{
    if (conn->severed)
        return;
    queued(conn, iscsi_discovery_async(conn->context, targets_came, conn));
}
