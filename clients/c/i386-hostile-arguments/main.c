/* i386-hostile-arguments SEED COUNT, without a C library */

#define TOP 0xfffff000

#include "i386-call.h"

__asm__(".globl _start\n"
        "_start:\n"
        "mov %esp, %eax\n"
        "push %eax\n"
        "call start\n");

enum {
    nr_exit = 1,
    nr_write = 4,
    nr_close = 6,
    nr_dup = 41,
    nr_dup2 = 63,
    nr_munmap = 91,
    nr_poll = 168,
    nr_mmap2 = 192,
    nr_socket = 359,
    nr_sendto = 369,
    nr_recvfrom = 371,
};

static unsigned long map(unsigned long size)
{
    return (unsigned long)call(nr_mmap2, 0, size, 3, 0x22, -1, 0);
}

static const int numbers[] = {361, 362, 363, 373, 367, 368, 366, 365, 371, 372};

#include "arguments.h"

void start(char **stack)
{
    /* The number of words, the program's name, the words. */
    int result = (long)stack[0] < 3 ? 2 : arguments(number_of(stack[2]), number_of(stack[3]));
    call(nr_exit, result, 0, 0, 0, 0, 0);
    __builtin_unreachable();
}
