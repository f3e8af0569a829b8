/* What is no attack: an ordinary service and its clients, which take as much of the processors as an attack and its supervisor
   did, in pieces as short, and know nothing of audit. */

#include <sys/epoll.h>
#include <sys/resource.h>

/* Clients, requests of all of them in a second (0: each as soon as the last one is answered), what one costs client and service,
   in microseconds, and how many of a thousand are made by a process that is started for it. */
static struct {
    int clients, rate, client_us, service_us, forked;
} ordinary_load;

enum { CLIENTS_MAX = 128 };
static int ordinary_ends[CLIENTS_MAX][2];

static void work_for(long us)
{
    for (long until = now_us() + us; now_us() < until;)
        continue;
}

static void request(int fd)
{
    work_for(ordinary_load.client_us);
    char byte = 0;
    must(send(fd, &byte, 1, 0) == 1 && recv(fd, &byte, 1, 0) == 1, "an answer of the ordinary service");
    count(true);
}

static void ordinary_client(int number)
{
    int fd = ordinary_ends[number][0];
    long period = ordinary_load.rate ? 1000000L * ordinary_load.clients / ordinary_load.rate : 0;
    for (long next = now_us() + chance((uint32_t)period + 1); goes_on(); next += period) {
        long rest = next - now_us();
        if (rest > 0)
            usleep((useconds_t)rest);
        else
            next = now_us();
        if ((int)chance(1000) >= ordinary_load.forked) {
            request(fd);
            continue;
        }
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            request(fd);
            _exit(0);
        }
        must(waitpid(child, NULL, 0) == child, "waitpid");
    }
}

/* One of as many as there are processors, as a supervisor has threads for a busy namespace. */
static void ordinary_service(int number)
{
    int processors = (int)sysconf(_SC_NPROCESSORS_ONLN), all = epoll_create1(EPOLL_CLOEXEC);
    for (int each = number; each < ordinary_load.clients; each += processors) {
        struct epoll_event event = {EPOLLIN, {.fd = ordinary_ends[each][1]}};
        must(epoll_ctl(all, EPOLL_CTL_ADD, ordinary_ends[each][1], &event) == 0, "epoll");
    }
    while (now_us() < end_us + 50000) {
        struct epoll_event ready;
        char byte;
        if (epoll_wait(all, &ready, 1, 10) != 1)
            continue;
        work_for(ordinary_load.service_us);
        must(recv(ready.data.fd, &byte, 1, 0) == 1 && send(ready.data.fd, &byte, 1, 0) == 1, "a request");
    }
}

static void ordinary_one(int number)
{
    if (number < ordinary_load.clients)
        ordinary_client(number);
    else
        ordinary_service(number - ordinary_load.clients);
}

static void ordinary(void)
{
    for (int each = 0; each < ordinary_load.clients; each++)
        must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ordinary_ends[each]) == 0, "socketpair");
    crowd(ordinary_load.clients + (int)sysconf(_SC_NPROCESSORS_ONLN), ordinary_one);
}

/* What was given in the name. */
static bool is_ordinary(const char *name)
{
    return sscanf(name, "ordinary-%d-%d-%d-%d-%d", &ordinary_load.clients, &ordinary_load.rate, &ordinary_load.client_us,
                  &ordinary_load.service_us, &ordinary_load.forked) == 5
           && ordinary_load.clients > 0 && ordinary_load.clients <= CLIENTS_MAX && ordinary_load.rate >= 0;
}

/* What all ended processes took of the processors, and how often they slept. */
static void print_usage(void)
{
    struct rusage of[2];
    long us = 0, slept = 0;
    getrusage(RUSAGE_CHILDREN, &of[0]);
    getrusage(RUSAGE_SELF, &of[1]);
    for (int each = 0; each < 2; each++) {
        us += (of[each].ru_utime.tv_sec + of[each].ru_stime.tv_sec) * 1000000L + of[each].ru_utime.tv_usec + of[each].ru_stime.tv_usec;
        slept += of[each].ru_nvcsw;
    }
    printf(" processes=%d worked_us=%ld slept=%ld\n", crowd_size, us, slept);
}
