/* What a program may do with an audit socket as with every descriptor: copy it, inherit it, hand it on. */

#include <fcntl.h>

#include "transcript.h"

/* Asks for the status over `fd`. A copy at another number carries messages like the socket itself; that it is a netlink
   socket shows only at the number at which it was opened. */
static void ask(int fd, const char *how)
{
    static unsigned sequence;
    struct nlmsghdr request = {NLMSG_LENGTH(0), AUDIT_GET, NLM_F_REQUEST, ++sequence + getpid(), 0};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct message reply;
    must(sendto(fd, &request, sizeof request, 0, (struct sockaddr *)&kernel, sizeof kernel) == sizeof request, how);
    ssize_t length = recv(fd, &reply, sizeof reply, 0);
    must(length >= 0, how);
    bool right = length >= (ssize_t)NLMSG_LENGTH(40) && reply.header.nlmsg_type == AUDIT_GET &&
                 reply.header.nlmsg_seq == request.nlmsg_seq;
    printf("%s: %s\n", how, right ? "status" : "wrong answer");
}

/* As `ask`, and what the socket says of itself. */
static void ask_all(int fd, const char *how)
{
    ask(fd, how);
    struct sockaddr_nl name = {0};
    socklen_t size = sizeof name;
    must(getsockname(fd, (struct sockaddr *)&name, &size) == 0, how);
    int protocol = 0, type = 0;
    socklen_t word = sizeof protocol;
    must(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &word) == 0, how);
    must(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &word) == 0, how);
    printf("%s: family %d, type %d, protocol %d\n", how, name.nl_family, type, protocol);
}

static void opened(const char *name, int type)
{
    int fd = socket(AF_NETLINK, type, NETLINK_AUDIT);
    if (fd < 0) {
        printf("%s: %s\n", name, strerror(errno));
        return;
    }
    printf("%s: %s, %s\n", name, fcntl(fd, F_GETFL) & O_NONBLOCK ? "does not block" : "blocks",
           fcntl(fd, F_GETFD) & FD_CLOEXEC ? "closed on exec" : "inherited");
    close(fd);
}

static int audit_socket(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    must(fd >= 0, "socket");
    return fd;
}

static void copies(void)
{
    int fd = audit_socket();
    int copy = dup(fd);
    ask(copy, "dup");
    must(dup2(fd, 200) == 200 && close(fd) == 0 && close(copy) == 0, "dup2");
    ask(200, "dup2, the others closed");
    int last = fcntl(200, F_DUPFD_CLOEXEC, 100);
    close(200);
    ask(last, "F_DUPFD_CLOEXEC");
    close(last);
}

static void wait_for(pid_t child, const char *how)
{
    int status;
    must(child > 0 && waitpid(child, &status, 0) == child, how);
    if (status != 0) {
        printf("%s: the child ended with %#x\n", how, status);
        exit(1);
    }
}

static void children(void)
{
    int fd = audit_socket();
    pid_t child = fork();
    if (child == 0) {
        ask_all(fd, "fork, the child");
        exit(0);
    }
    wait_for(child, "fork");
    ask_all(fd, "fork, the parent");
    child = fork();
    if (child == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", fd);
        execl("/proc/self/exe", "sharing", number, NULL);
        must(false, "exec");
    }
    wait_for(child, "exec");
    ask_all(fd, "exec, the parent");
    close(fd);
}

/* The receiver is there before the socket is, so it cannot have inherited it. */
static void passed(void)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    pid_t child = fork();
    if (child == 0) {
        must(recvmsg(pair[1], &message, 0) == 1 && CMSG_FIRSTHDR(&message), "recvmsg");
        int fd;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        ask(fd, "SCM_RIGHTS, the receiver");
        exit(0);
    }
    int fd = audit_socket();
    control.header = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    must(sendmsg(pair[0], &message, 0) == 1, "sendmsg");
    wait_for(child, "SCM_RIGHTS");
    ask_all(fd, "SCM_RIGHTS, the sender");
}

int main(int count, char **words)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count > 1) {
        ask_all(atoi(words[1]), "exec, the child");
        return 0;
    }
    opened("SOCK_RAW", SOCK_RAW);
    opened("SOCK_RAW | SOCK_CLOEXEC", SOCK_RAW | SOCK_CLOEXEC);
    opened("SOCK_RAW | SOCK_NONBLOCK", SOCK_RAW | SOCK_NONBLOCK);
    opened("SOCK_DGRAM", SOCK_DGRAM);
    opened("SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK", SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    opened("SOCK_STREAM", SOCK_STREAM);
    opened("SOCK_SEQPACKET", SOCK_SEQPACKET);
    copies();
    children();
    passed();
    return 0;
}
