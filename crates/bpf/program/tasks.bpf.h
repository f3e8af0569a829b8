// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* Passes over all tasks of the host: what each is in, and giving tags. */

struct member {
	/* When the task started, and when the leader of its thread group did: nanoseconds since boot. */
	u64 start;
	u64 leader_start;
	/* By its filters. */
	u64 chain;
	/* By its tag. */
	u64 namespace;
	u64 login;
	u32 tid;
	u32 tgid;
};

/* What the next pass is about, and what it came to. One at a time is made. */
struct pass {
	/* Give: when the task started, or the leader of the thread group, in so many nanoseconds; a unit of 0 is whenever. */
	u64 start;
	u64 start_unit;
	/* Report: members of this namespace only; 0 is of any. */
	u64 only_namespace;
	/* Give: what. */
	u64 namespace;
	u64 login;
	/* Report: the task with this number and those of the thread group with it; 0 is all. Give: the one task. */
	u32 tid;
	/* Give: to the tasks of this thread group; 0 is the one task. */
	u32 tgid;
	/* Give: the namespace; else the login. */
	u32 gives_namespace;
	/* Give: tasks that were found, that were changed, and that could not be. */
	u32 found;
	u32 changed;
	u32 failed;
};

struct {
	int (*type)[BPF_MAP_TYPE_ARRAY];
	int (*max_entries)[1];
	u32 *key;
	struct pass *value;
} passes SECTION(".maps");

ALWAYS_INLINE struct pass *this_pass(void)
{
	u32 key = 0;

	return map_lookup_elem(&passes, &key);
}

ALWAYS_INLINE int is_exiting(struct task_struct *task)
{
	return READ(task->flags) & PF_EXITING;
}

ALWAYS_INLINE int started_then(struct task_struct *task, const struct pass *pass)
{
	return !pass->start_unit || task->start_boottime / pass->start_unit == pass->start;
}

SECTION("iter/task")
int report(struct bpf_iter__task *context)
{
	struct seq_file *to = context->meta->seq;
	struct task_struct *task = context->task;
	struct state *state = the_state();
	struct pass *pass = this_pass();
	struct member member = {};
	struct task_struct *leader;
	u32 is_new;

	if (!task || !state || !pass)
		return 0;
	member.tid = task->pid;
	member.tgid = task->tgid;
	if (pass->tid && member.tid != pass->tid && member.tgid != pass->tid)
		return 0;
	/* Before its tag is looked for: what runs has inherited. */
	is_new = READ(task->__state) & TASK_NEW;
	member.chain = chain_of(task);
	if (NOW(state->in_use)) {
		struct tag *tag = tag_of(task);

		if (tag) {
			member.namespace = NOW(tag->namespace);
			member.login = NOW(tag->login);
		} else if (is_new) {
			return 0;
		}
	}
	/* Of the one that is asked for it is told that it is in nothing. */
	if (!member.chain && !member.namespace && !member.login && member.tid != pass->tid)
		return 0;
	if (pass->only_namespace && pass->only_namespace != (member.namespace ? member.namespace : member.chain))
		return 0;
	/* What is about to be nothing is in nothing. */
	if (is_exiting(task))
		return 0;
	leader = task->group_leader;
	member.start = task->start_boottime;
	if (leader)
		member.leader_start = leader->start_boottime;
	seq_write(to, &member, sizeof(member));
	return 0;
}

SECTION("iter/task")
int give(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct state *state = the_state();
	struct pass *pass = this_pass();
	struct task_struct *named = task;
	struct tag first = {};
	struct tag *tag;

	if (!task || !state || !pass)
		return 0;
	if (pass->tgid)
		named = task->group_leader;
	if (pass->tgid ? task->tgid != (int)pass->tgid : task->pid != (int)pass->tid)
		return 0;
	if (is_exiting(task) || !named || !started_then(named, pass))
		return 0;
	NOW(state->in_use) = 1;
	pass->found++;
	tag = tag_of(task);
	if (!tag)
		tag = new_tag(task, &first);
	if (!tag) {
		pass->failed++;
		return 0;
	}
	if (pass->gives_namespace) {
		if (NOW(tag->namespace) == pass->namespace)
			return 0;
		SET(tag->namespace, pass->namespace);
		count(tag);
		/* Its end may have been before it was counted. */
		if (is_exiting(task))
			count_no_more(tag);
	} else {
		SET(tag->login, pass->login);
	}
	pass->changed++;
	return 0;
}
