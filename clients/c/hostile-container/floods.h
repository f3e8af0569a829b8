/* Too much of what is allowed. */

/* docs/semantics.md */
enum { SOCKETS_OF_PROCESS = 256 };

static void flood_one(int number)
{
    int fd = audit();
    char text[BODY_MAX];
    while (fd >= 0 && goes_on()) {
        size_t size = truth(text, sizeof text, chance(50) ? chance(300) : 8000);
        count((number % 2 ? asked(fd, AUDIT_USER, text, size) : tell(fd, AUDIT_USER, 0, 1, text, size)) == 0);
    }
}

static void floods(void)
{
    crowd(64, flood_one);
}

/* Takes as many as there are, and uses and gives back some. */
static void sockets_one(int number)
{
    int taken[SOCKETS_OF_PROCESS], open = 0;
    (void)number;
    while (goes_on()) {
        int fd = audit();
        count(fd >= 0);
        if (fd >= 0) {
            must(open < SOCKETS_OF_PROCESS, "no more than a process may have");
            taken[open++] = fd;
            continue;
        }
        /* Those of the process, or of the namespace. */
        must(errno == (open == SOCKETS_OF_PROCESS ? EMFILE : ENFILE), "a socket more than there are");
        for (int use = 0; open > 0 && use < 8; use++)
            told_truth(taken[chance((uint32_t)open)]);
        for (int back = 0; open > 0 && back < 32; back++)
            close(taken[--open]);
    }
}

static void sockets(void)
{
    crowd(64, sockets_one);
}

/* Nobody reads what a registered audit daemon gets. */
static void unread_daemon(void)
{
    int daemon = audit();
    /* With the usual wait, the attackers would soon do nothing else. */
    struct audit_status status = {.mask = AUDIT_STATUS_PID | AUDIT_STATUS_BACKLOG_WAIT_TIME, .backlog_wait_time = 1};
    status.pid = (uint32_t)getpid();
    errno = -asked(daemon, AUDIT_SET, &status, sizeof status);
    must(errno == 0, "registration");
    crowd(16, flood_one);
}

static void add_rules(int fd, unsigned rules);

/* Asks on many sockets, and reads a byte of an answer now and then. */
static void slow_one(int number)
{
    int fds[60], open = 0;
    (void)number;
    /* As many as come in half of the time; there are others that take theirs. */
    long half = half_time();
    while (open < 60 && (open == 0 || now_us() < half) && (fds[open] = audit()) >= 0)
        open++;
    while (open > 0 && goes_on()) {
        for (int each = 0; each < open; each++) {
            uint32_t none = 0;
            struct pollfd room = {fds[each], POLLOUT, 0};
            if (poll(&room, 1, 0) == 1)
                count(tell(fds[each], chance(2) ? AUDIT_LIST_RULES : AUDIT_GET, NLM_F_ACK, 1, &none, 0) == 0);
        }
        char byte;
        recv(fds[chance((uint32_t)open)], &byte, 1, MSG_DONTWAIT);
        told_truth(fds[0]);
        usleep(20000);
    }
}

static void slow_receivers(void)
{
    int fd = audit();
    add_rules(fd, 200);
    crowd(32, slow_one);
}
