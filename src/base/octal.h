/* The \ooo by which /proc/PID/mountinfo writes blanks, line ends and backslashes. */
#ifndef BASE_OCTAL_H
#define BASE_OCTAL_H

/* Undoes them, in place. */
static inline void octal_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

#endif
