/* A 32-bit program with a system call for each socket call, as newer 32-bit C libraries make them. */

#include "i386.h"

enum { SYS_SOCKET = 359, SYS_SENDTO = 369, SYS_RECVFROM = 371 };

static int audit_socket(void)
{
    return call(SYS_SOCKET, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, 0, 0, 0);
}

static int send_to(int fd, const void *data, u32 size, const struct address *to)
{
    return call(SYS_SENDTO, fd, (u32)data, size, 0, (u32)to, sizeof *to);
}

static int receive_from(int fd, void *data, u32 size, struct address *from, u32 *from_size)
{
    return call(SYS_RECVFROM, fd, (u32)data, size, 0, (u32)from, (u32)from_size);
}
