/*
 * Counts the allocations of a process by the module (program or library) that asked for them.
 *
 *     MALLOC_COUNTS=FILE LD_PRELOAD=malloc_counter.so PROGRAM
 *
 * FILE is a table in shared memory, renewed all the time (see struct row): tests read it while the
 * program runs. What libc allocates for a caller (strdup, fopen) counts as libc's.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MODULES 64

struct row {
    _Atomic uint64_t count;
    _Atomic uint64_t bytes;
    char module[112]; /* path; "" for the program itself; "?" for whatever is in none */
};

struct range {
    uintptr_t from, to;
};

/* The real ones, as glibc exports them. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static struct range ranges[MODULES];
static unsigned module_count;
static struct row *table; /* NULL until set up: the first few are not counted */

static int add_module(struct dl_phdr_info *info, size_t size, void *owner)
{
    (void)size;
    (void)owner;
    if (module_count == MODULES - 1)
        return 1;
    struct range *range = &ranges[module_count];
    range->from = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        range->from = at < range->from ? at : range->from;
        range->to = at + part->p_memsz > range->to ? at + part->p_memsz : range->to;
    }
    strncpy(table[module_count].module, info->dlpi_name, sizeof table[0].module - 1);
    module_count++;
    return 0;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("MALLOC_COUNTS");
    if (!path)
        return;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *table * MODULES) < 0)
        _exit(127);
    table = mmap(NULL, sizeof *table * MODULES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (table == MAP_FAILED)
        _exit(127);
    close(fd);
    dl_iterate_phdr(add_module, NULL);
    strcpy(table[MODULES - 1].module, "?");
    unsetenv("LD_PRELOAD"); /* its children are not counted */
}

static void count(const void *caller, size_t bytes)
{
    uintptr_t at = (uintptr_t)caller;
    unsigned i = 0;
    if (!table)
        return;
    while (i < module_count && !(at >= ranges[i].from && at < ranges[i].to))
        i++;
    struct row *row = &table[i < module_count ? i : MODULES - 1];
    atomic_fetch_add_explicit(&row->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&row->bytes, bytes, memory_order_relaxed);
}

#define COUNT(bytes) count(__builtin_return_address(0), bytes)

void *malloc(size_t bytes)
{
    COUNT(bytes);
    return __libc_malloc(bytes);
}

void *calloc(size_t items, size_t bytes)
{
    COUNT(items * bytes);
    return __libc_calloc(items, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    COUNT(bytes);
    return __libc_realloc(memory, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
    COUNT(bytes);
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    COUNT(bytes);
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t bytes)
{
    COUNT(bytes);
    void *memory = __libc_memalign(alignment, bytes);
    if (!memory)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}
