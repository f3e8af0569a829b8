/* What the root of a container can do to the audit of others.

   hostile-container ATTACK MILLISECONDS SEED

   Prints how often it succeeded and how often it was refused. Every message that is true says `inner=PID truth=UID`.
   `spin-PERCENT` is no attack, but a program that does not use audit and takes as much of the processors. */

#include "audit.h"

#include "floods.h"
#include "requests.h"

#include "descriptors.h"
#include "processes.h"

#include "names.h"

/* `spin-PERCENT`: takes so much of a processor, in a process for each. */
static int percent;

static void spin_one(int number)
{
    enum { PERIOD_US = 10000 };
    long share = (long)PERIOD_US * percent / 100 / sysconf(_SC_NPROCESSORS_ONLN);
    (void)number;
    while (goes_on()) {
        long began = now_us();
        while (now_us() - began < share)
            continue;
        count(true);
        if (share < PERIOD_US)
            usleep((useconds_t)(PERIOD_US - share));
    }
}

static void spin(void)
{
    crowd((int)sysconf(_SC_NPROCESSORS_ONLN), spin_one);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } attacks[] = {{"spin", spin},           {"floods", floods},   {"sockets", sockets}, {"unread-daemon", unread_daemon},
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
    if (sscanf(attack, "spin-%d", &percent) == 1)
        attack = "spin";
    for (size_t each = 0; each < sizeof attacks / sizeof *attacks; each++)
        if (strcmp(attacks[each].name, attack) == 0) {
            /* One message that is true in any case, however busy the machine is. */
            if (strcmp(attack, "spin") != 0)
                must(told_truth(audit()) == 0, "a message");
            attacks[each].run();
            printf("done=%ld refused=%ld\n", counts->done, counts->refused);
            return 0;
        }
    fprintf(stderr, "hostile-container: there is no attack %s\n", attack);
    return 2;
}
