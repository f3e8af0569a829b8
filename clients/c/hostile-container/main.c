/* What the root of a container can do to the audit of others.

   hostile-container ATTACK MILLISECONDS SEED

   Prints how often it succeeded and how often it was refused. Every message that is true says `inner=PID truth=UID`.
   `echo-N` is no attack: N processes, which ask an ordinary process over ordinary sockets. */

#include "audit.h"

#include "floods.h"
#include "requests.h"

#include "descriptors.h"
#include "processes.h"

#include "names.h"

/* A server and those who ask it: `echo-N` has N of these. */
static int echo_pairs[64][2], echoes;

static void echo_one(int number)
{
    char text[256];
    while (goes_on())
        if (write(echo_pairs[number][0], text, 200) < 0 || read(echo_pairs[number][0], text, sizeof text) < 0)
            return;
}

static void echo(void)
{
    struct pollfd wait[64];
    for (int each = 0; each < echoes; each++) {
        must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, echo_pairs[each]) == 0, "socketpair");
        wait[each] = (struct pollfd){echo_pairs[each][1], POLLIN, 0};
    }
    pid_t server = fork();
    if (server == 0) {
        while (poll(wait, (nfds_t)echoes, 200) > 0)
            for (int each = 0; each < echoes; each++) {
                char text[256];
                if (wait[each].revents && read(wait[each].fd, text, sizeof text) > 0)
                    count(write(wait[each].fd, text, 36) == 36);
            }
        _exit(0);
    }
    crowd(echoes, echo_one);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } attacks[] = {{"echo", echo},           {"floods", floods},   {"sockets", sockets}, {"unread-daemon", unread_daemon},
                   {"slow-receivers", slow_receivers}, {"giant-rules", giant_rules}, {"settings", settings},
                   {"passing", passing},     {"credentials", credentials}, {"tracing", tracing}, {"killing", killing},
                   {"reuse", reuse},         {"false-proc", false_proc}, {"names", bad_names},
                   {"names-inside", bad_names_inside}};
    if (argc != 4) {
        fprintf(stderr, "hostile-container: say an attack, milliseconds and a seed\n");
        return 2;
    }
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(counts != MAP_FAILED, "mmap");
    attack = argv[1];
    end_us = now_us() + atol(argv[2]) * 1000;
    chance_state = strtoull(argv[3], NULL, 10) * 2 + 1;
    if (sscanf(attack, "echo-%d", &echoes) == 1 && echoes > 0 && echoes <= 64)
        attack = "echo";
    for (size_t each = 0; each < sizeof attacks / sizeof *attacks; each++)
        if (strcmp(attacks[each].name, attack) == 0) {
            /* One message that is true in any case, however busy the machine is. */
            if (strcmp(attack, "echo") != 0)
                must(told_truth(audit()) == 0, "a message");
            attacks[each].run();
            printf("done=%ld refused=%ld\n", counts->done, counts->refused);
            return 0;
        }
    fprintf(stderr, "hostile-container: there is no attack %s\n", attack);
    return 2;
}
