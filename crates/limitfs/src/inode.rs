//! Inode numbers, which carry the process they belong to, so that no table has to.

use fuser::INodeNo;

/// What an inode number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    Root,
    /// The directory of a process.
    Directory(u32),
    /// The file `audit_backlog_limit` of a process.
    Limit(u32),
}

impl Node {
    pub(crate) fn number(self) -> INodeNo {
        match self {
            Self::Root => INodeNo::ROOT,
            Self::Directory(pid) => INodeNo(u64::from(pid) * 2 + 2),
            Self::Limit(pid) => INodeNo(u64::from(pid) * 2 + 3),
        }
    }

    pub(crate) fn from_number(number: INodeNo) -> Option<Self> {
        if number == INodeNo::ROOT {
            return Some(Self::Root);
        }
        let process = number.0.checked_sub(2)? / 2;
        let pid = u32::try_from(process).ok().filter(|pid| *pid > 0)?;
        Some(if number.0.is_multiple_of(2) { Self::Directory(pid) } else { Self::Limit(pid) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back() {
        for node in
            [Node::Root, Node::Directory(1), Node::Limit(1), Node::Directory(u32::MAX), Node::Limit(u32::MAX)]
        {
            assert_eq!(Node::from_number(node.number()), Some(node));
        }
    }

    #[test]
    fn numbers_of_nothing_are_refused() {
        for number in [0, 2, 3, u64::from(u32::MAX) * 2 + 4, u64::MAX] {
            assert_eq!(Node::from_number(INodeNo(number)), None, "{number}");
        }
    }
}
