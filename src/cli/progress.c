#include "cli/progress.h"

#include <string.h>
#include <unistd.h>

#include "daemon/human.h"

#define BAR_COLUMNS   30u
#define STANDSTILL_MS 2000u

void progress_begin(struct progress *progress, FILE *to, const char *what, uint64_t total,
                    uint64_t now_ms)
{
    *progress = (struct progress){
        .to = to,
        .terminal = isatty(fileno(to)),
        .what = what,
        .since_ms = now_ms,
        .moved_ms = now_ms,
        .total = total,
    };
}

static void note(struct progress *progress, uint64_t done, uint64_t now_ms)
{
    if (done < progress->since_done || now_ms - progress->moved_ms >= STANDSTILL_MS) {
        progress->since_ms = now_ms;
        progress->since_done = progress->moved_done = done;
        progress->moved_ms = now_ms;
    } else if (done > progress->moved_done) {
        progress->moved_done = done;
        progress->moved_ms = now_ms;
    }
}

/* At the speed so far; "" as long as that says nothing. */
static const char *remaining(const struct progress *progress, uint64_t done, uint64_t now_ms,
                             char ret_text[HUMAN_BYTES])
{
    uint64_t elapsed_ms = now_ms - progress->since_ms;
    if (done <= progress->since_done || elapsed_ms < 500)
        return "";
    double per_byte = (double)elapsed_ms / (double)(done - progress->since_done);
    return human_time((uint64_t)(per_byte * (double)(progress->total - done)), ret_text);
}

static void draw(struct progress *progress, uint64_t done, unsigned percent, const char *left)
{
    char bar[BAR_COLUMNS + 1], size[HUMAN_BYTES];
    unsigned full = percent * BAR_COLUMNS / 100;
    memset(bar, '#', full);
    memset(bar + full, '-', BAR_COLUMNS - full);
    bar[BAR_COLUMNS] = '\0';
    fprintf(progress->to, "\r\033[K[%s] %3u %%, %s %s%s%s", bar, percent, human_size(done, size),
            progress->what, *left ? ", remaining " : "", left);
    fflush(progress->to);
    progress->open = true;
}

static void tell(struct progress *progress, uint64_t done, unsigned percent, const char *left)
{
    char size[HUMAN_BYTES];
    if (percent / 10 <= progress->told)
        return;
    progress->told = percent / 10;
    fprintf(progress->to, "%u %% %s (%s)%s%s\n", progress->told * 10, progress->what,
            human_size(done, size), *left ? ", remaining " : "", left);
    fflush(progress->to);
}

void progress_left(struct progress *progress, uint64_t left, uint64_t now_ms)
{
    char text[HUMAN_BYTES];
    if (left > progress->total)
        progress->total = left;
    if (progress->total == 0)
        return;
    uint64_t done = progress->total - left;
    note(progress, done, now_ms);
    unsigned percent = (unsigned)((double)done * 100 / (double)progress->total);
    const char *time = left > 0 ? remaining(progress, done, now_ms, text) : "";
    if (progress->terminal)
        draw(progress, done, percent, time);
    else
        tell(progress, done, percent, time);
}

void progress_end(struct progress *progress)
{
    if (progress->open)
        fputc('\n', progress->to);
    progress->open = false;
}
