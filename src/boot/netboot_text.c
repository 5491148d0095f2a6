#include "boot/netboot_text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void netboot_text_init(struct netboot_text *text, char *bytes, size_t room)
{
    assert(room > 0);
    *text = (struct netboot_text){.bytes = bytes, .room = room};
    bytes[0] = '\0';
}

void netboot_put(struct netboot_text *text, const char *format, ...)
{
    va_list values;
    size_t room = text->room - text->used;
    va_start(values, format);
    int bytes = vsnprintf(text->bytes + text->used, room, format, values);
    va_end(values);
    if (bytes < 0 || (size_t)bytes >= room) {
        text->is_cut = true;
        text->used = text->room - 1;
        return;
    }
    text->used += (size_t)bytes;
}

int netboot_text_error(const struct netboot_text *text)
{
    return text->is_cut ? -EFBIG : 0;
}
