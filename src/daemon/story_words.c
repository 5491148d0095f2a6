#include "daemon/story_words.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "port/link.h"
#include "session/session.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define REFUSED      "login refused: "

static const char *const loss_words[] = {
    [LINK_LOSS_RESOLVE] = "its name has no address now",
    [LINK_LOSS_CONNECT] = "no connection",
    [LINK_LOSS_CLOSED] = "connection closed",
    [LINK_LOSS_PROTOCOL] = "nonsense from the target",
    [LINK_LOSS_LOGOUT] = "the target asked us to leave",
    [LINK_LOSS_LOGIN_TRANSIENT] = "the target takes no login now",
    [LINK_LOSS_LOGIN_AUTH] = REFUSED "wrong CHAP user or secret, or not authorised",
    [LINK_LOSS_LOGIN_NOT_FOUND] = "the target does not know this target name or LUN",
    [LINK_LOSS_LOGIN_REFUSED] = "login refused",
    [LINK_LOSS_MUTUAL_CHAP] = "the target did not prove that it knows the mutual CHAP secret",
    [LINK_LOSS_CONNECT_TIMEOUT] = "no answer to the connection",
    [LINK_LOSS_LOGIN_TIMEOUT] = "no answer to the login",
    [LINK_LOSS_SETUP_TIMEOUT] = "no answer after the login",
    [LINK_LOSS_SILENT] = "no sign of life",
    [LINK_LOSS_DEADLINE] = "no answer to a command",
    [LINK_LOSS_SETUP_FAILED] = "the LUN cannot be looked at yet",
    [LINK_LOSS_NETWORK_CHANGED] = "the network changed while it was silent",
    [LINK_LOSS_STOPPED] = "hung up on request",
};

/* The reasons of which the system's own words say all, and ours nothing more. */
static bool says_it_all(uint64_t loss)
{
    return loss == LINK_LOSS_CONNECT || loss == LINK_LOSS_CLOSED ||
           loss == LINK_LOSS_LOGIN_NOT_FOUND || loss == LINK_LOSS_LOGIN_REFUSED;
}

/* Into the middle of a line of ours: one line, without a full stop, not beginning like a sentence
 * (but "NOP-Out" keeps its letters). */
static void copy_detail(const char *detail, char *ret_text, size_t text_bytes)
{
    size_t bytes = strcspn(detail, "\r\n");
    while (bytes > 0 && strchr(" .", detail[bytes - 1]))
        bytes--;
    snprintf(ret_text, text_bytes, "%.*s", (int)bytes, detail);
    if (islower((unsigned char)ret_text[0] ? (unsigned char)ret_text[1] : 0))
        ret_text[0] = (char)tolower((unsigned char)ret_text[0]);
}

void story_loss_words(uint64_t loss, const char *detail, char *ret_text, size_t text_bytes)
{
    const char *words = loss < COUNT(loss_words) ? loss_words[loss] : "unknown reason";
    char own[128] = "";
    if (detail && loss == LINK_LOSS_LOGIN_AUTH && strncmp(detail, REFUSED, strlen(REFUSED)) == 0)
        detail += strlen(REFUSED); /* once is enough */
    if (detail)
        copy_detail(detail, own, sizeof own);
    if (!*own)
        snprintf(ret_text, text_bytes, "%s", words);
    else if (says_it_all(loss))
        snprintf(ret_text, text_bytes, "%s", own);
    else
        snprintf(ret_text, text_bytes, "%s: %s", words, own);
}

const char *story_mend(uint64_t loss)
{
    switch (loss) {
    case LINK_LOSS_LOGIN_AUTH:
        return "; check chap_user, chap_secret_file and initiator, and whom the target lets in";
    case LINK_LOSS_LOGIN_NOT_FOUND:
        return "; check the target's name and the LUN: `holdfast discover PORTAL` lists targets";
    case LINK_LOSS_MUTUAL_CHAP:
        return "; check mutual_chap_user and mutual_chap_secret_file, and that this is your target";
    case LINK_LOSS_RESOLVE:
        return "; give its address, or mend the name";
    case LINK_LOSS_CONNECT:
    case LINK_LOSS_CONNECT_TIMEOUT:
        return "; look whether the target runs and its portal is this one";
    default:
        return "";
    }
}

const char *story_op_word(uint64_t op)
{
    static const char *const words[] = {
        [SES_READ] = "a READ", [SES_WRITE] = "a WRITE",         [SES_SYNC] = "SYNCHRONIZE CACHE",
        [SES_UNMAP] = "UNMAP", [SES_WRITE_SAME] = "WRITE SAME", [SES_LBA_STATUS] = "GET LBA STATUS",
    };
    return op < COUNT(words) ? words[op] : "a command";
}

void story_sense_words(uint64_t sense, char *ret_text, size_t text_bytes)
{
    /* SPC-4 table 48. */
    static const char *const keys[] = {
        "no sense",       "recovered error", "not ready",      "medium error",
        "hardware error", "illegal request", "unit attention", "data protect",
        "blank check",    "vendor specific", "copy aborted",   "aborted command",
        "reserved",       "volume overflow", "miscompare",     "completed",
    };
    unsigned key = (unsigned)(sense >> 16) & 0xf;
    snprintf(ret_text, text_bytes, "%s (%X/%02X/%02X)", keys[key], key,
             (unsigned)(sense >> 8) & 0xff, (unsigned)sense & 0xff);
}

void story_status_words(uint64_t status, uint64_t sense, char *ret_text, size_t text_bytes)
{
    /* SAM-5 table 35. */
    switch (status) {
    case 0x00:
        snprintf(ret_text, text_bytes, "with too little data");
        break;
    case 0x02:
        story_sense_words(sense, ret_text, text_bytes);
        break;
    case 0x08:
        snprintf(ret_text, text_bytes, "BUSY");
        break;
    case 0x18:
        snprintf(ret_text, text_bytes, "RESERVATION CONFLICT");
        break;
    case 0x28:
        snprintf(ret_text, text_bytes, "TASK SET FULL");
        break;
    case 0x40:
        snprintf(ret_text, text_bytes, "TASK ABORTED");
        break;
    default:
        snprintf(ret_text, text_bytes, "status 0x%02" PRIx64, status);
    }
}
