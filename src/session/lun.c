#include "session/lun.h"

#include <stdio.h>
#include <string.h>

static void designator_text(const struct lun_identity *identity, char *ret_text, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;
    for (size_t i = 0; i < identity->designator_bytes && used + 2 < bytes; i++) {
        ret_text[used++] = digits[identity->designator[i] >> 4];
        ret_text[used++] = digits[identity->designator[i] & 0xf];
    }
    ret_text[used] = '\0';
}

/* Designators of these types are text by themselves (SPC-4 7.8.5.3, 7.8.5.11). */
static bool designator_is_text(const struct lun_identity *identity)
{
    return identity->designator_type == 1 || identity->designator_type == 8;
}

void lun_text(const uint8_t *bytes, size_t count, char *ret_text, size_t text_bytes)
{
    size_t used = 0;
    for (; used < count && used + 1 < text_bytes && bytes[used]; used++)
        ret_text[used] = bytes[used] >= 0x20 && bytes[used] <= 0x7e ? (char)bytes[used] : '?';
    ret_text[used] = '\0';
}

void lun_name(const struct lun_identity *identity, char *ret_name, size_t name_bytes)
{
    char text[2 * LUN_DESIGNATOR_BYTES + 1];
    if (identity->designator_bytes > 0 && designator_is_text(identity)) {
        /* With its blanks: a device of the kernel is found again by this name. */
        lun_text(identity->designator, identity->designator_bytes, ret_name, name_bytes);
    } else if (identity->designator_bytes > 0) {
        designator_text(identity, text, sizeof text);
        const char *prefix = identity->designator_type == 2 ? "eui." : "naa.";
        snprintf(ret_name, name_bytes, "%s%s", prefix, text);
    } else if (identity->serial[0]) {
        snprintf(ret_name, name_bytes, "%s", identity->serial);
    } else {
        snprintf(ret_name, name_bytes, "%s %s", identity->vendor, identity->product);
    }
}

static bool designators_are_equal(const struct lun_identity *a, const struct lun_identity *b)
{
    return a->designator_type == b->designator_type && a->designator_bytes == b->designator_bytes &&
           memcmp(a->designator, b->designator, a->designator_bytes) == 0;
}

static bool models_are_equal(const struct lun_identity *a, const struct lun_identity *b)
{
    return strcmp(a->vendor, b->vendor) == 0 && strcmp(a->product, b->product) == 0;
}

static const char *or_none(const char *text)
{
    return text[0] ? text : "none";
}

bool lun_is_same(const struct lun_identity *known, const struct lun_identity *now, char *ret_why,
                 size_t why_bytes)
{
    if (!designators_are_equal(known, now)) {
        char was[2 * LUN_DESIGNATOR_BYTES + 8], is[sizeof was];
        lun_name(known, was, sizeof was);
        lun_name(now, is, sizeof is);
        snprintf(ret_why, why_bytes, "%s, expected %s", is, was);
        return false;
    }
    if (strcmp(known->serial, now->serial) != 0) {
        snprintf(ret_why, why_bytes, "serial %s, expected %s", or_none(now->serial),
                 or_none(known->serial));
        return false;
    }
    bool nameless = known->designator_bytes == 0 && known->serial[0] == '\0';
    if (nameless && !models_are_equal(known, now)) {
        snprintf(ret_why, why_bytes, "model %s %s, expected %s %s", now->vendor, now->product,
                 known->vendor, known->product);
        return false;
    }
    return true;
}
