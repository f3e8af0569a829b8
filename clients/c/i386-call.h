/* System calls of 32-bit programs without a C library. */

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
        "ret\n");
