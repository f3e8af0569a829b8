//! Numbers of the fields that a rule can test.
//!
//! They are plain numbers, not an enum: a rule set stores what the kernel knows and refuses the rest, and both are
//! decisions about numbers.

/// Process id, or pid of the sender of a user message (`AUDIT_PID`).
pub const PID: u32 = 0;
/// Real user id (`AUDIT_UID`).
pub const UID: u32 = 1;
/// Effective user id (`AUDIT_EUID`).
pub const EUID: u32 = 2;
/// Saved user id (`AUDIT_SUID`).
pub const SUID: u32 = 3;
/// File system user id (`AUDIT_FSUID`).
pub const FSUID: u32 = 4;
/// Real group id (`AUDIT_GID`).
pub const GID: u32 = 5;
/// Effective group id (`AUDIT_EGID`).
pub const EGID: u32 = 6;
/// Saved group id (`AUDIT_SGID`).
pub const SGID: u32 = 7;
/// File system group id (`AUDIT_FSGID`).
pub const FSGID: u32 = 8;
/// Login user id (`AUDIT_LOGINUID`); the value [`super::UNSET_ID`] asks whether one was set at all.
pub const LOGINUID: u32 = 9;
/// Personality (`AUDIT_PERS`).
pub const PERS: u32 = 10;
/// Architecture of the syscall, `AUDIT_ARCH_*` (`AUDIT_ARCH`).
pub const ARCH: u32 = 11;
/// Record type (`AUDIT_MSGTYPE`).
pub const MSGTYPE: u32 = 12;
/// Subject's LSM user, a string (`AUDIT_SUBJ_USER`).
pub const SUBJ_USER: u32 = 13;
/// Subject's LSM role, a string (`AUDIT_SUBJ_ROLE`).
pub const SUBJ_ROLE: u32 = 14;
/// Subject's LSM type, a string (`AUDIT_SUBJ_TYPE`).
pub const SUBJ_TYPE: u32 = 15;
/// Subject's LSM sensitivity, a string (`AUDIT_SUBJ_SEN`).
pub const SUBJ_SEN: u32 = 16;
/// Subject's LSM clearance, a string (`AUDIT_SUBJ_CLR`).
pub const SUBJ_CLR: u32 = 17;
/// Parent's process id (`AUDIT_PPID`).
pub const PPID: u32 = 18;
/// Object's LSM user, a string (`AUDIT_OBJ_USER`).
pub const OBJ_USER: u32 = 19;
/// Object's LSM role, a string (`AUDIT_OBJ_ROLE`).
pub const OBJ_ROLE: u32 = 20;
/// Object's LSM type, a string (`AUDIT_OBJ_TYPE`).
pub const OBJ_TYPE: u32 = 21;
/// Object's low LSM level, a string (`AUDIT_OBJ_LEV_LOW`).
pub const OBJ_LEV_LOW: u32 = 22;
/// Object's high LSM level, a string (`AUDIT_OBJ_LEV_HIGH`).
pub const OBJ_LEV_HIGH: u32 = 23;
/// Whether a loginuid was set, 0 or 1 (`AUDIT_LOGINUID_SET`).
pub const LOGINUID_SET: u32 = 24;
/// Login session (`AUDIT_SESSIONID`).
pub const SESSIONID: u32 = 25;
/// File system magic number (`AUDIT_FSTYPE`).
pub const FSTYPE: u32 = 26;
/// Major number of the file's device (`AUDIT_DEVMAJOR`).
pub const DEVMAJOR: u32 = 100;
/// Minor number of the file's device (`AUDIT_DEVMINOR`).
pub const DEVMINOR: u32 = 101;
/// Inode number (`AUDIT_INODE`).
pub const INODE: u32 = 102;
/// Exit value (`AUDIT_EXIT`).
pub const EXIT: u32 = 103;
/// Whether the syscall succeeded, 0 or 1 (`AUDIT_SUCCESS`).
pub const SUCCESS: u32 = 104;
/// Watched file, an absolute path (`AUDIT_WATCH`).
pub const WATCH: u32 = 105;
/// Kind of access, bits exec 1, write 2, read 4, attribute 8 (`AUDIT_PERM`).
pub const PERM: u32 = 106;
/// Watched directory tree, an absolute path (`AUDIT_DIR`).
pub const DIR: u32 = 107;
/// Type bits of the file's mode (`AUDIT_FILETYPE`).
pub const FILETYPE: u32 = 108;
/// Owner of the file (`AUDIT_OBJ_UID`).
pub const OBJ_UID: u32 = 109;
/// Group of the file (`AUDIT_OBJ_GID`).
pub const OBJ_GID: u32 = 110;
/// Comparison of two of the task's or file's ids (`AUDIT_FIELD_COMPARE`).
pub const FIELD_COMPARE: u32 = 111;
/// The program's executable, an absolute path (`AUDIT_EXE`).
pub const EXE: u32 = 112;
/// Address family of a socket address (`AUDIT_SADDR_FAM`).
pub const SADDR_FAM: u32 = 113;
/// First syscall argument (`AUDIT_ARG0`).
pub const ARG0: u32 = 200;
/// Second syscall argument (`AUDIT_ARG1`).
pub const ARG1: u32 = 201;
/// Third syscall argument (`AUDIT_ARG2`).
pub const ARG2: u32 = 202;
/// Fourth syscall argument (`AUDIT_ARG3`).
pub const ARG3: u32 = 203;
/// Key that records of the rule carry, a string; not a test (`AUDIT_FILTERKEY`).
pub const FILTERKEY: u32 = 210;

/// Whether the value word of this field is the length of a string in the buffer.
pub const fn is_string(field: u32) -> bool {
    is_security(field) || matches!(field, WATCH | DIR | EXE | FILTERKEY)
}

/// Whether this field is a string that a security module interprets.
pub const fn is_security(field: u32) -> bool {
    matches!(field, SUBJ_USER..=SUBJ_CLR | OBJ_USER..=OBJ_LEV_HIGH)
}

/// Whether the value of this field is a user id.
pub const fn is_uid(field: u32) -> bool {
    matches!(field, UID..=FSUID | LOGINUID | OBJ_UID)
}

/// Whether the value of this field is a group id.
pub const fn is_gid(field: u32) -> bool {
    matches!(field, GID..=FSGID | OBJ_GID)
}
