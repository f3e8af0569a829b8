//! Which fields may stand in which list, with which operators.

use auditns_wire::Errno;
use auditns_wire::rule::{FilterList, Operator, field};

/// Judges a field by its number, its list and its operator (kernel: `audit_field_valid`).
///
/// Values are not judged. The kernel means to, for `loginuid_set`, `perm`, `filetype`, field comparisons and address
/// families, but it looks at a value it has not filled in yet and so accepts them all (observed on 6.1 and 6.18).
///
/// # Errors
/// `EINVAL` for everything it does not like.
pub(super) fn check_field(list: FilterList, number: u32, operator: Operator) -> Result<(), Errno> {
    if is_allowed_in(list, number) && is_allowed_operator(number, operator) {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

fn is_allowed_in(list: FilterList, number: u32) -> bool {
    match number {
        field::MSGTYPE => matches!(list, FilterList::Exclude | FilterList::User),
        field::FSTYPE => list == FilterList::Filesystem,
        field::FILTERKEY => true,
        field::PERM => !matches!(list, FilterList::UringExit | FilterList::Filesystem),
        _ => list != FilterList::Filesystem,
    }
}

fn is_allowed_operator(number: u32, operator: Operator) -> bool {
    match number {
        field::ARG0..=field::ARG3 | field::PERS | field::DEVMINOR => true,
        field::SUBJ_SEN
        | field::SUBJ_CLR
        | field::OBJ_LEV_LOW
        | field::OBJ_LEV_HIGH
        | field::PID
        | field::MSGTYPE
        | field::PPID
        | field::DEVMAJOR
        | field::EXIT
        | field::SUCCESS
        | field::INODE
        | field::SESSIONID
        | field::SADDR_FAM => !operator.is_bitwise(),
        field::LOGINUID_SET
        | field::ARCH
        | field::FSTYPE
        | field::PERM
        | field::FILETYPE
        | field::FIELD_COMPARE => operator.is_equality(),
        // The other strings: ordering them would mean nothing.
        string if field::is_string(string) => operator.is_equality(),
        id => (field::is_uid(id) || field::is_gid(id)) && !operator.is_bitwise(),
    }
}
