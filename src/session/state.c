#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "session/internal.h"

#define TO(state) (1u << SES_##state)

/* What ends every attempt or session. */
#define ENDS (TO(WAITING) | TO(WRONG_LUN) | TO(REFUSED) | TO(FENCED) | TO(LOGGING_OUT))

/* The declared transitions; any other one is a bug of ours. */
static const unsigned transitions[] = {
    [SES_IDLE] = TO(CONNECTING) | TO(LOGGING_OUT),
    [SES_CONNECTING] = TO(FENCING) | TO(SETTLING) | TO(WAITING) | TO(REFUSED) | TO(LOGGING_OUT),
    [SES_FENCING] = TO(SETTLING) | ENDS,
    [SES_SETTLING] = TO(IDENTIFYING) | ENDS,
    [SES_IDENTIFYING] = TO(SETTLING) | TO(SYNCING) | TO(READY) | ENDS,
    [SES_SYNCING] = TO(SETTLING) | TO(READY) | ENDS,
    [SES_READY] = TO(SETTLING) | TO(WAITING) | TO(FENCED) | TO(LOGGING_OUT),
    [SES_WAITING] = TO(CONNECTING) | TO(LOGGING_OUT),
    [SES_WRONG_LUN] = TO(CONNECTING) | TO(LOGGING_OUT),
    [SES_FENCED] = TO(LOGGING_OUT),
    [SES_REFUSED] = TO(LOGGING_OUT),
    [SES_LOGGING_OUT] = TO(STOPPED),
    [SES_STOPPED] = 0,
};

void session_enter(struct session *session, enum ses_state state)
{
    assert(transitions[session->state] & 1u << state);
    session->state = state;
}

void session_reason(struct session *session, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(session->reason, sizeof session->reason, format, arguments);
    va_end(arguments);
}

void session_trace(struct session *session, enum trace_code code, uint64_t a, uint64_t b,
                   uint64_t c, const char *text)
{
    port_trace(session->trace, code, a, b, c, text);
}
