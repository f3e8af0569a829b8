// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* Chains of filters: a task is in a namespace if one of its filters has a listener of the namespace's. */

/* The kernel bounds the instructions of a chain to 32768, and counts five for the shortest filter: fewer than 6600 filters. */
#define CHAIN_MAX 8192
#define ANON_INODE_FS_MAGIC 0x09041934
#define EBADF 9
#define EINVAL 22

/* What the kernel calls the file of a listener, and nothing else. */
static const u8 listener_name[] = "seccomp notify";

/* The filter to which a descriptor of this process is the listener; zero if it is something else. */
ALWAYS_INLINE u64 filter_of(u32 number)
{
	struct task_struct *task = get_current_task_btf();
	struct fdtable *table = READ(READ(task->files)->fdt);
	u8 name[sizeof(listener_name)] = {};
	struct seccomp_filter *filter;
	struct file *file = 0;

	if (number >= READ(table->max_fds))
		return 0;
	probe_read_kernel(&file, sizeof(file), READ(table->fd) + number);
	if (!file || READ(READ(READ(file->f_inode)->i_sb)->s_magic) != ANON_INODE_FS_MAGIC)
		return 0;
	/* One byte less would be enough of a longer name. */
	if (probe_read_kernel_str(name, sizeof(name), READ(READ(file->f_path.dentry)->d_name.name)) != sizeof(name))
		return 0;
#pragma unroll
	for (u32 at = 0; at < sizeof(name); at++)
		if (name[at] != listener_name[at])
			return 0;
	filter = READ(file->private_data);
	return filter && READ(filter->notif) ? (u64)filter : 0;
}

struct note {
	u64 namespace;
	u32 descriptor;
	u32 forget;
};

SECTION("syscall")
int note_listener(struct note *note)
{
	u64 namespace = note->namespace;
	u64 filter = filter_of(note->descriptor);

	if (!filter)
		return -EBADF;
	if (note->forget)
		return map_delete_elem(&chains, &filter);
	return map_update_elem(&chains, &filter, &namespace, BPF_ANY);
}

struct walk {
	struct seccomp_filter *filter;
	u64 namespace;
};

static long step(u32 index, void *context)
{
	struct walk *walk = context;
	u64 filter = (u64)walk->filter;
	u64 *namespace = map_lookup_elem(&chains, &filter);

	(void)index;
	if (namespace) {
		walk->namespace = *namespace;
		return 1;
	}
	walk->filter = READ(walk->filter->prev);
	return !walk->filter;
}

/* A chain only grows until its task lets go of all of it, for ever. So if the task has one after the walk, what was walked was
 * there all the time; else something of it may have been another's by then.
 */
ALWAYS_INLINE u64 chain_of(struct task_struct *task)
{
	struct walk walk = {};

	walk.filter = READ(task->seccomp.filter);
	if (!walk.filter)
		return 0;
	loop(CHAIN_MAX, step, &walk, 0);
	return READ(task->seccomp.filter) ? walk.namespace : 0;
}
