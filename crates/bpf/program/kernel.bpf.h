// SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only
/* The kernel, as far as the programs know it.
 *
 * Only the members of structures that are read are declared; the loader puts in where they are in the running kernel.
 */

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SECTION(name) __attribute__((section(name), used))
#define KERNEL __attribute__((preserve_access_index))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	atomic_t refs;
} refcount_t;

/* Two words up to Linux 6.2, one afterwards: read as bytes. */
typedef struct {
	u64 val;
} kernel_cap_t;

struct ns_common {
	u32 inum;
} KERNEL;

struct user_namespace {
	struct ns_common ns;
} KERNEL;

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
} KERNEL;

struct notification;

struct seccomp_filter {
	struct notification *notif;
	struct seccomp_filter *prev;
} KERNEL;

struct seccomp {
	struct seccomp_filter *filter;
} KERNEL;

struct qstr {
	const u8 *name;
} KERNEL;

struct dentry {
	struct qstr d_name;
} KERNEL;

struct path {
	struct dentry *dentry;
} KERNEL;

struct super_block {
	unsigned long s_magic;
} KERNEL;

struct inode {
	struct super_block *i_sb;
} KERNEL;

struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
} KERNEL;

struct fdtable {
	u32 max_fds;
	struct file **fd;
} KERNEL;

struct files_struct {
	struct fdtable *fdt;
} KERNEL;

struct hlist_node {
	struct hlist_node *next;
} KERNEL;

struct hlist_head {
	struct hlist_node *first;
} KERNEL;

struct bpf_local_storage {
	struct hlist_head list;
} KERNEL;

struct bpf_local_storage_map;

struct bpf_local_storage_data {
	struct bpf_local_storage_map *smap;
	u8 data[0];
} KERNEL;

struct bpf_local_storage_elem {
	struct hlist_node snode;
	struct bpf_local_storage_data sdata;
} KERNEL;

struct task_struct {
	u32 __state;
	u32 flags;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	u64 start_boottime;
	const struct cred *cred;
	struct files_struct *files;
	kuid_t loginuid;
	u32 sessionid;
	struct seccomp seccomp;
	struct bpf_local_storage *bpf_storage;
} KERNEL;

/* In a task's state from before it is on the lists until it runs for the first time. */
#define TASK_NEW 0x800
/* In its flags from before the tracepoint of its exit. */
#define PF_EXITING 4

struct sock {
	refcount_t sk_wmem_alloc;
} KERNEL;

struct unix_sock {
	struct sock *peer;
} KERNEL;

struct sk_buff {
	struct sock *sk;
	u32 truesize;
} KERNEL;

struct __sk_buff;
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete_elem)(void *map, const void *key) = (void *)3;
static u32 (*const get_smp_processor_id)(void) = (void *)8;
static u64 (*const get_socket_cookie)(void *context) = (void *)46;
static long (*const probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*const probe_read_kernel_str)(void *to, u32 size, const void *from) = (void *)115;
static long (*const seq_write)(struct seq_file *to, const void *bytes, u32 length) = (void *)127;
static long (*const ringbuf_output)(void *map, void *bytes, u64 size, u64 flags) = (void *)130;
static void *(*const task_storage_get)(void *map, struct task_struct *task, void *value, u64 flags) = (void *)156;
static struct task_struct *(*const get_current_task_btf)(void) = (void *)158;
static long (*const loop)(u32 count, void *function, void *context, u64 flags) = (void *)181;

#define BPF_MAP_TYPE_HASH 1
#define BPF_MAP_TYPE_ARRAY 2
#define BPF_MAP_TYPE_RINGBUF 27
#define BPF_MAP_TYPE_TASK_STORAGE 29
#define BPF_F_NO_PREALLOC (1 << 0)
#define BPF_F_MMAPABLE (1 << 10)
#define BPF_ANY 0
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1

/* A member of a kernel's structure, whatever its pointer is worth: zero where there is nothing. */
#define READ(member)                                                      \
	({                                                                \
		__typeof__(member) _read = 0;                             \
		probe_read_kernel(&_read, sizeof(_read), &(member));      \
		_read;                                                    \
	})
#define OFFSET(type, member) __builtin_preserve_field_info(((struct type *)0)->member, 0)

#define NOW(member) (*(volatile __typeof__(member) *)&(member))
/* Their results are used, or the compiler would choose instructions that order nothing on arm64. */
#define COUNT(member) asm volatile("" : : "r"(__sync_fetch_and_add(&(member), 1)))
#define SET(member, value) asm volatile("" : : "r"(__sync_lock_test_and_set(&(member), (value))))
