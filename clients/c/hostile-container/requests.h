/* What only root of a container may ask: rules as large as they get, and settings by many at once. */

enum { FIELD_KEY = 210, FIELD_ARGUMENT = 200, FIELD_PATH = 105, FILTER_EXIT = 4 };

/* A rule with all fields there can be; with `lies`, its counts and lengths are not true. Returns its size. */
static size_t giant_rule(char *body, uint32_t unique, bool lies)
{
    struct audit_rule_data *rule = (void *)body;
    uint32_t path = 4000, key = 250;
    memset(rule, 0, sizeof *rule);
    rule->flags = FILTER_EXIT;
    rule->action = 2;
    rule->field_count = 64;
    memset(rule->mask, 0xff, sizeof rule->mask);
    for (int field = 0; field < 62; field++) {
        rule->fields[field] = FIELD_ARGUMENT + (uint32_t)field % 4;
        rule->values[field] = unique + (uint32_t)field;
        rule->fieldflags[field] = 0x40000000;
    }
    rule->fields[62] = FIELD_PATH, rule->values[62] = path, rule->fieldflags[62] = 0x40000000;
    rule->fields[63] = FIELD_KEY, rule->values[63] = key, rule->fieldflags[63] = 0x40000000;
    rule->buflen = path + key;
    memset(rule->buf, '/', path);
    memcpy(rule->buf + path - 3, "usr", 3);
    snprintf(rule->buf + path, key, "mark=evil-%s %u \n\x1b[2J", attack, unique);
    memset(rule->buf + path + strlen(rule->buf + path), 'k', key - strlen(rule->buf + path));
    static const uint32_t wrong[] = {0, 1, 65, 0x7fffffff, 0x80000000, 0xffffffff};
    if (lies) {
        uint32_t *const where[] = {&rule->field_count, &rule->buflen, &rule->values[62], &rule->values[63], &rule->flags,
                                   &rule->fields[chance(64)]};
        *where[chance(6)] = wrong[chance(6)];
    }
    return sizeof *rule + path + key;
}

static void add_rules(int fd, unsigned rules)
{
    char body[BODY_MAX];
    for (unsigned number = 0; number < rules; number++) {
        size_t size = giant_rule(body, number, false);
        errno = -asked(fd, AUDIT_ADD_RULE, body, size);
        must(errno == 0 || errno == ENOMEM, "a rule");
    }
}

static void rules_one(int number)
{
    char body[BODY_MAX];
    int fd = audit(), unread = audit();
    for (uint32_t unique = 0; fd >= 0 && goes_on(); unique++) {
        size_t size = giant_rule(body, (uint32_t)number * 100000 + unique, unique % 4 == 3);
        count(asked(fd, AUDIT_ADD_RULE, body, size) == 0);
        if (unique % 16 == 0)
            count(asked(fd, AUDIT_DEL_RULE, body, size) == 0);
        if (unread >= 0)
            tell(unread, AUDIT_LIST_RULES, NLM_F_ACK, 1, body, 0);
        if (unique % 16 == 15) {
            close(unread);
            unread = audit();
        }
        told_truth(fd);
    }
}

static void giant_rules(void)
{
    crowd(4, rules_one);
}

static void settings_one(int number)
{
    int fd = audit();
    (void)number;
    while (fd >= 0 && goes_on()) {
        struct audit_status status = {.mask = 1u << chance(7), .enabled = chance(2), .failure = chance(3)};
        status.pid = chance(2) ? (uint32_t)getpid() : 0;
        status.rate_limit = chance(3) ? 0 : chance(1000000);
        status.backlog_limit = 16 + chance(100000);
        status.backlog_wait_time = chance(100);
        count(asked(fd, AUDIT_SET, &status, sizeof status) == 0);
        struct audit_features features = {.vers = 1, .mask = 1u << chance(3), .features = chance(8)};
        count(asked(fd, AUDIT_SET_FEATURE, &features, sizeof features) == 0);
        struct audit_tty_status tty = {chance(2), chance(2)};
        count(asked(fd, AUDIT_TTY_SET, &tty, sizeof tty) == 0);
        told_truth(fd);
    }
}

static void settings(void)
{
    crowd(16, settings_one);
}
