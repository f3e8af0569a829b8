/* Sockets that are copied and passed around, and senders that lie. */

enum { RESERVED_FIRST = 832, RESERVED = 64 };

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(4 * sizeof(int))];
};

/* Sends one byte, or one message, with a control message. */
static int send_with(int fd, const void *data, size_t size, int kind, const void *value, size_t length)
{
    union control control;
    struct iovec part = {(void *)data, size};
    struct msghdr message = {NULL, 0, &part, 1, &control, CMSG_SPACE(length), 0};
    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = kind;
    control.header.cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(&control.header), value, length);
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Four sockets come with a byte. */
static void take_passed(int from, int *four)
{
    char byte;
    union control control;
    struct iovec part = {&byte, 1};
    struct msghdr message = {NULL, 0, &part, 1, &control, sizeof control, 0};
    for (int each = 0; each < 4; each++)
        four[each] = -1;
    if (recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == 1 && message.msg_controllen >= CMSG_LEN(sizeof(int)))
        memcpy(four, CMSG_DATA(CMSG_FIRSTHDR(&message)), message.msg_controllen - CMSG_LEN(0) < 16
                                                             ? message.msg_controllen - CMSG_LEN(0)
                                                             : 16);
}

static int ring[16][2];

static void passing_one(int number)
{
    while (goes_on()) {
        int four[4], taken[4];
        for (int each = 0; each < 4; each++)
            four[each] = audit();
        if (four[3] >= 0)
            count(send_with(ring[(number + 1) % 16][0], "x", 1, SCM_RIGHTS, four, sizeof four) == 0);
        for (int copies = 0; copies < 8; copies++) {
            int at = RESERVED_FIRST + (int)chance(RESERVED), how = (int)chance(3);
            if (how == 0)
                dup2(four[0], at);
            else if (how == 1)
                close(fcntl(four[1], F_DUPFD_CLOEXEC, at - 8));
            else if (chance(8) == 0)
                close(at);
        }
        take_passed(ring[number][1], taken);
        if (taken[0] >= 0)
            count(told_truth(taken[chance(4)]) == 0);
        if (chance(4) == 0 && taken[1] >= 0) {
            struct sockaddr_nl name = {.nl_family = AF_NETLINK};
            bind(taken[1], (struct sockaddr *)&name, sizeof name);
        }
        for (int each = 0; each < 4; each++) {
            close(four[each]);
            if (taken[each] >= 0)
                close(taken[each]);
        }
    }
}

static void passing(void)
{
    for (int each = 0; each < 16; each++)
        must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ring[each]) == 0, "socketpair");
    crowd(16, passing_one);
}

/* Says that another process or user has sent it. */
static void credentials_one(int number)
{
    int fd = audit();
    (void)number;
    while (fd >= 0 && goes_on()) {
        /* The first message of a socket is one like others. */
        if (chance(8) == 0) {
            close(fd);
            fd = audit();
        }
        struct {
            struct nlmsghdr header;
            char text[256];
        } message = {.header = {0, AUDIT_USER, NLM_F_REQUEST, 1, 0}};
        struct ucred lie = {1 + (pid_t)chance(chance(2) ? 30 : 4000000), chance(70000), chance(70000)};
        if (chance(4) == 0)
            lie = (struct ucred){getpid(), chance(3), 0};
        snprintf(message.text, sizeof message.text, "op=lie mark=evil-%s said=%d saiduid=%d sent=%d sentuid=%d where=%s ", attack,
                 lie.pid, (int)lie.uid, getpid(), (int)getuid(), where);
        message.header.nlmsg_len = (uint32_t)NLMSG_LENGTH(strlen(message.text) + 1);
        count(send_with(fd, &message, NLMSG_ALIGN(message.header.nlmsg_len), SCM_CREDENTIALS, &lie, sizeof lie) == 0);
        if (chance(16) == 0)
            told_truth(fd);
    }
}

static void credentials(void)
{
    crowd(8, credentials_one);
}
