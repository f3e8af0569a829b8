/* Namespaces inside that of the container, more of them and faster than there may be.

   What is sent says by `where=` in which one its sender is. While a process moves it is in one of two, `FROM|TO`; of a process
   that was made meanwhile that is one and the same for all that it sends: `FROM|TO@PID`. */

#include <pthread.h>
#include <sys/prctl.h>

enum { CREATE = 1090, DEPTH = 4 };

/* What a limit explains. */
static bool is_limited(int error)
{
    return error == -ENOSPC || error == -EAGAIN;
}

/* Whoever knows tasks did not get to it in time. */
static bool is_late(int error)
{
    return error == -ETIMEDOUT;
}

/* Whoever knows tasks is killed now and then, or has to run after threads. */
static bool is_unsettled(int error)
{
    return error == -EOPNOTSUPP || error == -EIO || error == -ETIMEDOUT || error == -ESRCH || error == -ECONNREFUSED;
}

/* Says between which two this process is from now on. */
static void between(const char *from, char *to)
{
    snprintf(to, WORD, "n%u", atomic_fetch_add(&counts->asked_for, 1));
    snprintf(where, WORD, "%.24s|%.24s", from, to);
}

/* Says that it was moved, or was not. */
static void arrived(int error, const char *from, const char *to)
{
    count(error == 0);
    if (error == 0)
        atomic_fetch_add(&counts->made, 1);
    /* What went wrong in between may have happened to either end. */
    if (error == 0 || is_limited(error) || error == -EOPNOTSUPP)
        snprintf(where, WORD, "%s", error == 0 ? to : from);
}

/* Moves this process into a namespace of its own. Returns 0, or the negative error. */
static int create(int fd)
{
    char from[WORD], to[WORD], text[256];
    snprintf(from, WORD, "%s", where);
    between(from, to);
    int error = asked(fd, CREATE, "", 0);
    arrived(error, from, to);
    if (error == 0) {
        size_t size = truth(text, sizeof text - WORD, 0) - 1;
        snprintf(text + size, sizeof text - size, "inside=%s ", from);
        asked(fd, AUDIT_USER, text, strlen(text) + 1);
    }
    return error;
}

/* Tries until there is room. Of a process that was moved late, perhaps, it is not known where it is: it ends. */
static void must_create(int fd)
{
    int error;
    while ((error = create(fd)) != 0 && !is_late(error) && goes_on()) {
        errno = -error;
        must(is_limited(error), "a namespace");
        usleep(1000 + chance(20000));
    }
    if (error)
        _exit(0);
}

static int inherited = -1;

/* A child that has a namespace of its own, if there is room, and works there. */
static pid_t apart(void (*work)(void), bool (*may_fail)(int))
{
    uint64_t seed = chance_state + chance(1000000);
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        chance_state = seed | 1;
        end_in_time();
        int error = create(inherited >= 0 ? inherited : audit());
        if (error == 0)
            work();
        errno = -error;
        must(error == 0 || is_limited(error) || is_late(error) || may_fail(error), "a namespace");
        _exit(0);
    }
    return child;
}

static bool may_not(int error)
{
    (void)error;
    return false;
}

static void joined(pid_t child)
{
    int status;
    must(waitpid(child, &status, 0) == child, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        _exit(1);
}

static void speak_once(void)
{
    told_truth(inherited);
    told_truth(audit());
}

static void speak_on(void)
{
    int fd = audit();
    while (goes_on())
        told_truth(fd);
}

/* Those that are made first leave the others the time to be made. */
static void meet(long number)
{
    long half = half_time();
    while (counts->made < number && now_us() < half)
        usleep(1000);
}

static void stay(void)
{
    speak_once();
    usleep(200000 + chance(200000));
    speak_once();
}

static void stay_together(void)
{
    meet(16);
    stay();
}

static void limits_one(int number)
{
    (void)number;
    inherited = audit();
    while (goes_on())
        joined(apart(stay_together, may_not));
}

/* As many as there may be, all the time. */
static void nest_limits(void)
{
    crowd(24, limits_one);
}

static void made_one(int number)
{
    (void)number;
    inherited = audit();
    while (goes_on())
        joined(apart(speak_once, may_not));
}

/* Made by many at once, each gone as soon as it is there. */
static void nest_crowd(void)
{
    crowd(64, made_one);
}

/* Says that somebody of another namespace has sent it. */
static void lies_one(int number)
{
    if (number % 2)
        must_create(audit());
    meet(4);
    credentials_one(number);
}

static void nest_lies(void)
{
    crowd(8, lies_one);
}

static void unsettled_one(int number)
{
    (void)number;
    inherited = audit();
    while (goes_on())
        joined(apart(stay, is_unsettled));
}

/* While whoever knows tasks is killed. */
static void nest_unsettled(void)
{
    crowd(8, unsettled_one);
}

static void nest_killed_one(int number)
{
    (void)number;
    inherited = audit();
    while (goes_on()) {
        pid_t child = apart(speak_on, may_not);
        /* Where others keep the processors busy, a move begins late. */
        usleep(chance(chance(2) ? 5000 : 60000));
        count(kill(child, SIGKILL) == 0);
        joined(child);
    }
}

/* Killed while they move. */
static void nest_killed(void)
{
    crowd(16, nest_killed_one);
}

static int depth;

/* One inside the other until there may be no deeper one; in pid namespaces of their own now and then. */
static void deeper(void)
{
    depth++;
    must(depth <= DEPTH, "no deeper than there may be");
    speak_once();
    if (chance(3) == 0)
        must(unshare(CLONE_NEWPID) == 0, "unshare");
    joined(apart(deeper, may_not));
    speak_once();
    /* For long enough to be seen. */
    usleep(depth == DEPTH ? 200000 : chance(20000));
}

static void depth_one(int number)
{
    (void)number;
    inherited = audit();
    while (goes_on())
        joined(apart(deeper, may_not));
}

static void nest_depth(void)
{
    crowd(4, depth_one);
}

/* Runs `work` in some processes of this one's namespace. */
static void some(int processes, void (*work)(int))
{
    for (int number = 0; number < processes; number++) {
        uint64_t seed = chance_state + chance(1000000);
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            chance_state = seed | 1;
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            end_in_time();
            work(number);
            _exit(0);
        }
    }
}

static void flooded_one(int number)
{
    (void)number;
    must_create(audit());
    meet(16);
    some(4, flood_one);
    while (wait(NULL) > 0)
        continue;
}

/* 64 processes in sixteen of them. */
static void nest_floods(void)
{
    crowd(16, flooded_one);
}

/* Few of a namespace of its own stay for long: parents, children and siblings pass on and use what others have opened. */
static void passes_for_a_while(void)
{
    long until = now_us() + 50000 + chance(100000);
    int number = crowd_size++ % 12;
    while (goes_on() && now_us() < until) {
        int four[4], taken[4];
        for (int each = 0; each < 4; each++)
            four[each] = audit();
        if (four[3] >= 0)
            send_with(ring[(number + 1) % 12][0], "x", 1, SCM_RIGHTS, four, sizeof four);
        take_passed(ring[number][1], taken);
        for (int each = 0; each < 4; each++)
            if (taken[each] >= 0)
                count(told_truth(taken[each]) == 0);
        if (chance(6) == 0 && taken[0] >= 0) {
            int error = create(taken[0]);
            errno = -error;
            if (is_late(error))
                _exit(0);
            must(error == 0 || is_limited(error) || error == -EPERM, "a namespace, by a socket of somebody else");
        }
        for (int each = 0; each < 4; each++) {
            close(four[each]);
            if (taken[each] >= 0)
                close(taken[each]);
        }
    }
}

static void nest_passing_one(int number)
{
    inherited = audit();
    while (goes_on()) {
        crowd_size = number;
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            chance_state += (uint64_t)now_us() | 1;
            end_in_time();
            passes_for_a_while();
            _exit(0);
        }
        joined(child);
    }
}

static void nest_passing(void)
{
    for (int each = 0; each < 12; each++)
        must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ring[each]) == 0, "socketpair");
    crowd(12, nest_passing_one);
}

/* Registers an audit daemon that never reads. Senders wait for so many jiffies when its queue is full. */
static int register_daemon(uint32_t jiffies)
{
    int daemon = audit();
    struct audit_status status = {.mask = AUDIT_STATUS_PID | AUDIT_STATUS_BACKLOG_WAIT_TIME, .backlog_wait_time = jiffies};
    status.pid = (uint32_t)getpid();
    errno = -asked(daemon, AUDIT_SET, &status, sizeof status);
    must(errno == 0, "registration");
    return daemon;
}

static void nest_daemon_one(int number)
{
    (void)number;
    must_create(audit());
    register_daemon(1);
    meet(16);
    some(2, flood_one);
    while (wait(NULL) > 0)
        continue;
}

/* In each of them an audit daemon that never reads. */
static void nest_daemons(void)
{
    crowd(16, nest_daemon_one);
}

static void waited_for(void)
{
    register_daemon(500);
    some(3, flood_one);
    usleep(20000 + chance(60000));
    /* Those who wait for it are killed with it, or live on a little. */
    if (chance(2))
        kill(getpid(), SIGKILL);
}

static void nest_waited_one(int number)
{
    (void)number;
    inherited = audit();
    while (goes_on())
        joined(apart(waited_for, may_not));
}

/* Gone while they wait, and are waited for. */
static void nest_waited(void)
{
    crowd(8, nest_waited_one);
}

static atomic_bool moving;

static void *forking(void *none)
{
    int fd = audit();
    while (atomic_load(&moving)) {
        told_truth(fd);
        pid_t child = fork();
        if (child == 0) {
            char word[WORD];
            snprintf(word, WORD, "%.48s@%d", where, getpid());
            memcpy(where, word, WORD);
            for (int time = 0; time < 3; time++)
                told_truth(fd);
            _exit(0);
        }
        if (child > 0)
            waitpid(child, NULL, 0);
    }
    close(fd);
    return none;
}

static void *short_lived(void *none)
{
    return none;
}

/* Makes threads and processes while it is moved. */
static void move_with_threads(void)
{
    enum { THREADS = 6 };
    char from[WORD], to[WORD];
    pthread_t threads[THREADS], more;
    snprintf(from, WORD, "%s", where);
    between(from, to);
    atomic_store(&moving, true);
    for (int each = 0; each < THREADS; each++)
        must(pthread_create(&threads[each], NULL, forking, NULL) == 0, "a thread");
    usleep(chance(3000));
    int fd = audit();
    errno = -tell(fd, CREATE, NLM_F_ACK, 1, "", 0);
    must(errno == 0, "a request");
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[64];
    } answer = {0};
    /* As fast as they can be made, until it is done. */
    for (struct pollfd wait = {fd, POLLIN, 0}; poll(&wait, 1, 0) == 0;)
        if (pthread_create(&more, NULL, short_lived, NULL) == 0)
            pthread_join(more, NULL);
    must(recv(fd, &answer, sizeof answer, 0) >= (ssize_t)NLMSG_LENGTH(sizeof answer.error), "an answer");
    atomic_store(&moving, false);
    for (int each = 0; each < THREADS; each++)
        pthread_join(threads[each], NULL);
    int error = answer.error.error;
    errno = -error;
    must(error == 0 || is_limited(error) || is_late(error) || error == -EIO, "a namespace for all threads");
    arrived(error, from, to);
    for (int time = 0; time < 3; time++)
        told_truth(fd);
}

static void nest_threads_one(int number)
{
    (void)number;
    while (goes_on()) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            end_in_time();
            move_with_threads();
            _exit(0);
        }
        joined(child);
    }
}

static void nest_threads(void)
{
    crowd(6, nest_threads_one);
}

enum { BOMB = 20000 };

/* `fd` is no socket where nobody hears of it. */
static void bomb_with(int fd)
{
    while (goes_on() && counts->done < BOMB) {
        pid_t child = fork();
        if (child == 0) {
            if (chance(1000) % 16 == 0 && fd >= 0)
                told_truth(fd);
            _exit(0);
        }
        chance(2);
        count(child > 0);
        if (child > 0)
            waitpid(child, NULL, 0);
    }
}

static void bomb_one(int number)
{
    int fd = audit();
    if (number % 2)
        must_create(fd);
    meet(8);
    bomb_with(fd);
}

/* Very many processes that end at once. */
static void fork_bomb(void)
{
    crowd(16, bomb_one);
}

static void silent_bomb_one(int number)
{
    (void)number;
    bomb_with(-1);
}

/* What is no attack on audit: as many processes, which know nothing of it. */
static void silent_bomb(void)
{
    crowd(16, silent_bomb_one);
}
