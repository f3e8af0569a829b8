/* The calls of systemd's use_audit(), by which PID 1, logind and others decide whether there is audit at all. */

#include <poll.h>

#include "transcript.h"

int main(void)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } packet = {.header = {NLMSG_LENGTH(0), AUDIT_GET_FEATURE, NLM_F_REQUEST | NLM_F_ACK, 0, 0}};
    struct iovec part = {&packet, packet.header.nlmsg_len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
    must(fd >= 0, "socket");
    must(sendmsg(fd, &message, MSG_NOSIGNAL) == NLMSG_LENGTH(0), "sendmsg without an address");
    puts("AUDIT_GET_FEATURE: sent without an address");
    /* It does not wait. Only a refused connection tells it that there is no audit; no answer yet does not. */
    part.iov_len = sizeof packet;
    ssize_t length = recvmsg(fd, &message, 0);
    bool used = length >= 0 || errno != ECONNREFUSED;
    printf("audit is %s\n", used ? "used" : "not used");
    struct pollfd readable = {fd, POLLIN, 0};
    if (length < 0 && errno == EAGAIN && poll(&readable, 1, 5000) == 1)
        length = recvmsg(fd, &message, 0);
    must(length >= 0, "recvmsg");
    printf("answer: %zd bytes, type %d, error %d\n", length, packet.header.nlmsg_type, packet.error.error);
    return used ? 0 : 1;
}
