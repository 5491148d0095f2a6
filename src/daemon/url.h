/*
 * Where the LUN is, as people write it.
 *
 *   iscsi://[USER@]PORTAL[,PORTAL...]/TARGET/LUN     PORTAL = HOST[:PORT], IPv6 in [], port 3260
 *   iscsi:HOST:[PROTOCOL]:[PORT]:[LUN]:TARGET        RFC 4173, what DHCP root paths carry; LUN hex
 *
 * A parser of our own: libiscsi's truncates, splits the user at the wrong place and crashes on an
 * option without a value (facts T22). Host, target and user may carry %XX escapes. A password in
 * the URL is refused: command lines and configuration files are read by others.
 */
#ifndef DAEMON_URL_H
#define DAEMON_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/fault.h"

#define URL_PORTALS      8u
#define URL_HOST_BYTES   256 /* RFC 1035: 253 characters */
#define URL_TARGET_BYTES 224 /* RFC 7143 4.2.7.2: 223 bytes */
#define URL_USER_BYTES   256
#define URL_LUN_MAX      16383u /* flat addressing, SAM-5 4.7.7.4 */
#define URL_PORT_DEFAULT 3260

struct url_portal {
    char host[URL_HOST_BYTES]; /* name or address, without brackets */
    uint16_t port;
};

struct url_target {
    unsigned portal_count;
    struct url_portal portals[URL_PORTALS];
    char target[URL_TARGET_BYTES]; /* "" when not given */
    char user[URL_USER_BYTES];     /* CHAP user, "" when not given */
    bool lun_is_given;
    uint32_t lun;
};

/* True when the text is meant as a URL (and not as the name of a configuration). */
bool url_is_url(const char *text);

int url_parse(const char *text, struct url_target *ret_target, struct fault *fault);

/* "HOST", "HOST:PORT", "[v6]", "[v6]:PORT", or a bare IPv6 address. */
int url_parse_portal(const char *text, struct url_portal *ret_portal, struct fault *fault);

/* Checks the form of an iSCSI name: iqn., eui. or naa., RFC 7143 4.2.7. */
int url_check_name(const char *name, struct fault *fault);

/* A LUN in base 10 or 16, 0 .. URL_LUN_MAX. */
int url_parse_lun(const char *text, unsigned base, uint32_t *ret_lun, struct fault *fault);

/* "192.0.2.7:3260" or "[2001:db8::1]:3260". */
void url_print_portal(const struct url_portal *portal, char *ret_text, size_t text_bytes);

#define URL_PORTAL_TEXT_BYTES (URL_HOST_BYTES + 16)

#endif
