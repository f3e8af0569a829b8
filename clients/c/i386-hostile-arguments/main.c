/* i386-hostile-arguments SEED COUNT, without a C library */

#define TOP 0xfffff000

int call(unsigned long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e,
         unsigned long f);
__asm__(".globl call\n"
        "call:\n"
        "push %ebp\n"
        "push %edi\n"
        "push %esi\n"
        "push %ebx\n"
        "mov 20(%esp), %eax\n"
        "mov 24(%esp), %ebx\n"
        "mov 28(%esp), %ecx\n"
        "mov 32(%esp), %edx\n"
        "mov 36(%esp), %esi\n"
        "mov 40(%esp), %edi\n"
        "mov 44(%esp), %ebp\n"
        "int $0x80\n"
        "pop %ebx\n"
        "pop %esi\n"
        "pop %edi\n"
        "pop %ebp\n"
        "ret\n"
        ".globl _start\n"
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
