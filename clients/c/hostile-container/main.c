/* What the root of a container can do to the audit of others.

   hostile-container ATTACK MILLISECONDS SEED

   Prints how often it succeeded and how often it was refused, and what it took. Every message that is true says `inner=PID
   truth=UID where=NAMESPACE`. `ordinary-CLIENTS-RATE-US-US-FORKED` and `silent-bomb` are no attacks, but programs that do
   not use audit. */

#include "audit.h"

#include "floods.h"
#include "requests.h"

#include "descriptors.h"
#include "processes.h"

#include "nesting.h"

#include "names.h"

#include "ordinary.h"

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } attacks[] = {{"ordinary", ordinary},   {"floods", floods},   {"sockets", sockets}, {"unread-daemon", unread_daemon},
                   {"slow-receivers", slow_receivers}, {"giant-rules", giant_rules}, {"settings", settings},
                   {"passing", passing},     {"credentials", credentials}, {"tracing", tracing}, {"killing", killing},
                   {"reuse", reuse},         {"false-proc", false_proc}, {"names", bad_names},
                   {"names-inside", bad_names_inside},
                   {"nest-limits", nest_limits}, {"nest-crowd", nest_crowd}, {"nest-unsettled", nest_unsettled},
                   {"nest-killed", nest_killed}, {"nest-depth", nest_depth}, {"nest-floods", nest_floods},
                   {"nest-passing", nest_passing}, {"nest-daemons", nest_daemons}, {"nest-waited", nest_waited},
                   {"nest-threads", nest_threads}, {"nest-lies", nest_lies}, {"fork-bomb", fork_bomb},
                   {"silent-bomb", silent_bomb}};
    if (argc != 4) {
        fprintf(stderr, "hostile-container: say an attack, milliseconds and a seed\n");
        return 2;
    }
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(counts != MAP_FAILED, "mmap");
    attack = argv[1];
    end_us = now_us() + atol(argv[2]) * 1000;
    chance_state = strtoull(argv[3], NULL, 10) * 2 + 1;
    bool attacks_nobody = strcmp(attack, "silent-bomb") == 0;
    if (is_ordinary(attack)) {
        attack = "ordinary";
        attacks_nobody = true;
    }
    for (size_t each = 0; each < sizeof attacks / sizeof *attacks; each++)
        if (strcmp(attacks[each].name, attack) == 0) {
            /* One message that is true in any case, however busy the machine is. */
            if (!attacks_nobody)
                must(told_truth(audit()) == 0, "a message");
            attacks[each].run();
            printf("done=%ld refused=%ld asked_for=%u made=%u", counts->done, counts->refused, counts->asked_for, counts->made);
            print_usage();
            return 0;
        }
    fprintf(stderr, "hostile-container: there is no attack %s\n", attack);
    return 2;
}
