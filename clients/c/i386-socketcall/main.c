/* A 32-bit program whose socket calls all go through socketcall(2), as 32-bit C libraries made them for long. */

#include "i386.h"

enum { SYS_SOCKETCALL = 102, CALL_SOCKET = 1, CALL_SENDTO = 11, CALL_RECVFROM = 12 };

static int socketcall(u32 which, const u32 *operands)
{
    return call(SYS_SOCKETCALL, which, (u32)operands, 0, 0, 0, 0);
}

static int audit_socket(void)
{
    return socketcall(CALL_SOCKET, (u32[]){AF_NETLINK, SOCK_RAW, NETLINK_AUDIT});
}

static int send_to(int fd, const void *data, u32 size, const struct address *to)
{
    return socketcall(CALL_SENDTO, (u32[]){fd, (u32)data, size, 0, (u32)to, sizeof *to});
}

static int receive_from(int fd, void *data, u32 size, struct address *from, u32 *from_size)
{
    return socketcall(CALL_RECVFROM, (u32[]){fd, (u32)data, size, 0, (u32)from, (u32)from_size});
}
