/* hostile-arguments SEED COUNT [x32] */

#define TOP 0xffff800000000000
typedef unsigned long word_;

static long call(word_ number, word_ a, word_ b, word_ c, word_ d, word_ e, word_ f)
{
    register word_ r10 __asm__("r10") = d;
    register word_ r8 __asm__("r8") = e;
    register word_ r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

enum {
    nr_write = 1,
    nr_close = 3,
    nr_poll = 7,
    nr_mmap = 9,
    nr_munmap = 11,
    nr_dup = 32,
    nr_dup2 = 33,
    nr_socket = 41,
    nr_sendto = 44,
    nr_recvfrom = 45,
};

static word_ map(word_ size)
{
    return (word_)call(nr_mmap, 0, size, 3, 0x22, -1, 0);
}

static int numbers[] = {49, 42, 50, 48, 51, 52, 54, 55, 45, 47};

#include "arguments.h"

int main(int count, char **words)
{
    /* Of x32 calls those that take structures have numbers of their own. */
    static const int x32[CALLS] = {49, 42, 50, 48, 51, 52, 541, 542, 517, 519};
    if (count == 4)
        for (int number = 0; number < CALLS; number++)
            numbers[number] = x32[number] | 0x40000000;
    return count < 3 ? 2 : arguments(number_of(words[1]), number_of(words[2]));
}
