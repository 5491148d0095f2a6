/* A text of bounded length that is put together piece by piece. */
#ifndef BOOT_NETBOOT_TEXT_H
#define BOOT_NETBOOT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct netboot_text {
    char *bytes; /* the caller's; always terminated */
    size_t room;
    size_t used;
    bool is_cut; /* something did not fit: the text is worth nothing */
};

void netboot_text_init(struct netboot_text *text, char *bytes, size_t room);

void netboot_put(struct netboot_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 0, or -EFBIG when it was cut. */
int netboot_text_error(const struct netboot_text *text);

#endif
