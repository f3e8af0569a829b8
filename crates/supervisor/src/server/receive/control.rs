//! Control messages of netlink sockets.

use auditns_core::socket::{SOL_NETLINK, SOL_SOCKET, option};
use auditns_sys::call::Layout;

/// `SCM_CREDENTIALS`.
const CREDENTIALS: i32 = 2;

/// What comes with a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extras {
    /// Its group, with `NETLINK_PKTINFO`.
    pub(super) group: Option<u32>,
    /// The credentials of the kernel, with `SO_PASSCRED`: process 0, user 0, group 0.
    pub(super) credentials: bool,
}

/// Lays control messages out as the kernel does (`put_cmsg`, `put_cmsg_compat`): what has no room is cut off or left
/// out. Returns the bytes, and whether something is missing.
pub(super) fn messages(extras: Extras, layout: Layout, room: u64) -> (Vec<u8>, bool) {
    let mut writer =
        Writer { layout, room: usize::try_from(room).unwrap_or(usize::MAX), out: Vec::new(), cut: false };
    if let Some(group) = extras.group {
        writer.put(SOL_NETLINK, option::PKTINFO, &group.to_ne_bytes());
    }
    if extras.credentials {
        writer.put(SOL_SOCKET, CREDENTIALS, &[0; 12]);
    }
    (writer.out, writer.cut)
}

struct Writer {
    layout: Layout,
    /// What is left of it.
    room: usize,
    out: Vec<u8>,
    cut: bool,
}

impl Writer {
    fn put(&mut self, level: i32, kind: i32, data: &[u8]) {
        let word = self.layout.word();
        let head = word + 8;
        if self.room < head {
            self.cut = true;
            return;
        }
        let whole = head + data.len();
        let length = whole.min(self.room);
        self.cut |= length < whole;
        match self.layout {
            Layout::Wide => self.out.extend((length as u64).to_ne_bytes()),
            Layout::Narrow => self.out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes()),
        }
        self.out.extend(level.to_ne_bytes());
        self.out.extend(kind.to_ne_bytes());
        self.out.extend(&data[..length - head]);
        let taken = whole.next_multiple_of(word).min(self.room);
        self.out.resize(self.out.len() + taken - length, 0);
        self.room -= taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Extras = Extras { group: Some(1), credentials: true };

    #[test]
    fn both_messages_stand_one_after_the_other() {
        let (bytes, cut) = messages(BOTH, Layout::Wide, 512);
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((bytes.len(), cut), (24 + 32, false));
        assert_eq!([word(0), word(8), word(12), word(16)], [20, 270, 3, 1]);
        assert_eq!([word(24), word(32), word(36)], [28, 1, 2]);
        assert_eq!(bytes[40..52], [0; 12]);
        let (narrow, cut) = messages(BOTH, Layout::Narrow, 512);
        assert_eq!((narrow.len(), cut), (16 + 24, false));
        assert_eq!(narrow[..4], 16_u32.to_ne_bytes());
    }

    #[test]
    fn what_has_no_room_is_cut_off_or_left_out() {
        for room in 0..80 {
            let (bytes, cut) = messages(BOTH, Layout::Wide, room);
            assert!(bytes.len() as u64 <= room);
            assert_eq!(cut, room < 24 + 28, "{room}");
        }
        assert_eq!(messages(BOTH, Layout::Wide, 15), (Vec::new(), true));
        let (bytes, _) = messages(BOTH, Layout::Wide, 18);
        assert_eq!((bytes[0], bytes.len()), (18, 18), "the kernel reports the shortened length");
        assert_eq!(
            messages(Extras { group: None, credentials: false }, Layout::Wide, 0),
            (Vec::new(), false)
        );
    }
}
