/* An allocator that catches who reads or writes beyond its memory, for benchmarks/kernel_safety.py.
 *
 * cc -O1 -shared -fPIC -o guard_malloc.so guard_malloc.c -ldl;  LD_PRELOAD=./guard_malloc.so python ...
 *
 * Aligned blocks (tensors, and what oneDNN works in) end at a page that may not be touched: a write into it ends the process
 * with status 71; a read is noted for guard_reads() and goes on. Up to 63 bytes between block and page, and more where the
 * alignment is greater, hold a mark that is looked at when the block is freed. Freed blocks are never used again. A new
 * block is filled with the byte that guard_fill() says: 255 makes every float a NaN. All after the idea of Electric Fence.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096ul
#define ARENA (1ul << 42) /* of addresses, not of memory */
#define MARK 0x5A

struct head { size_t size, room; };

static char *arena;
static size_t used;
static int fill = 255, reads;

void guard_fill(int byte) { fill = byte; }
int guard_reads(void) { int before = reads; reads = 0; return before; }

static void touched(int number, siginfo_t *info, void *context) {
    char *at = info->si_addr;
    int writes = (((ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2) != 0;
    if (!arena || at < arena || at >= arena + ARENA) { signal(number, SIG_DFL); return; }
    if (writes) _exit(71);
    reads++;
    mprotect((void *)((uintptr_t)at & ~(PAGE - 1)), PAGE, PROT_READ);
}

void guard_begin(void) {
    struct sigaction action = {.sa_sigaction = touched, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    char *all = mmap(NULL, ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all != MAP_FAILED) arena = all;
}

static struct head *head_of(char *block) { return (struct head *)(((uintptr_t)block & ~(PAGE - 1)) - PAGE); }
static int ours(void *block) { return arena && (char *)block >= arena && (char *)block < arena + ARENA; }

/* [head page][... block][mark][page not to be touched] */
int posix_memalign(void **block, size_t alignment, size_t size) {
    static int (*real)(void **, size_t, size_t);
    if (!real) real = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    if (!arena || alignment > PAGE || !size) return real(block, alignment, size);
    size_t whole = (size + alignment - 1) / alignment * alignment, pages = (whole + PAGE - 1) / PAGE * PAGE;
    char *base = arena + __atomic_fetch_add(&used, pages + 2 * PAGE, __ATOMIC_RELAXED);
    if (mprotect(base, PAGE + pages, PROT_READ | PROT_WRITE)) return ENOMEM;
    char *start = base + PAGE + pages - whole;
    *(struct head *)base = (struct head){size, whole};
    memset(start, fill, size);
    memset(start + size, MARK, whole - size);
    *block = start;
    return 0;
}

void free(void *block) {
    static void (*real)(void *);
    if (!real) real = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    if (!ours(block)) { real(block); return; }
    struct head *head = head_of(block);
    for (size_t at = head->size; at < head->room; at++)
        if (((char *)block)[at] != MARK) _exit(71);
    size_t bytes = PAGE + (head->room + PAGE - 1) / PAGE * PAGE;
    madvise(head, bytes, MADV_DONTNEED);
    mprotect(head, bytes, PROT_NONE);
}
