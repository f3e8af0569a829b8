//! Netlink addresses (`struct sockaddr_nl`).

use serde::{Deserialize, Serialize};

/// `AF_NETLINK`.
pub const FAMILY: u16 = 16;

/// Length of an address in bytes.
pub const LENGTH: usize = 12;

/// Whom a netlink message is from or for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Port id; 0 is the kernel.
    pub port: u32,
    /// Multicast groups 1 to 32, one bit each from the lowest.
    pub groups: u32,
}

impl Address {
    /// The bytes as the kernel writes them: family, two bytes of padding, port id, groups.
    pub fn encode(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..2].copy_from_slice(&FAMILY.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.port.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.groups.to_ne_bytes());
        bytes
    }

    /// Reads an address; what follows it is ignored. `None` if it is too short or of another family.
    pub fn decode(bytes: &[u8]) -> Option<Address> {
        let bytes = bytes.first_chunk::<LENGTH>()?;
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        (family(bytes) == Some(FAMILY)).then(|| Address { port: word(4), groups: word(8) })
    }
}

/// The family with which an address of any kind begins; `None` if it is too short.
pub fn family(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_laid_out_as_the_kernel_lays_it_out() {
        let address = Address { port: 0x0102_0304, groups: 1 };
        let mut bytes = vec![0; 4];
        bytes[..2].copy_from_slice(&16_u16.to_ne_bytes());
        bytes.extend(0x0102_0304_u32.to_ne_bytes());
        bytes.extend(1_u32.to_ne_bytes());
        assert_eq!(address.encode().to_vec(), bytes);
        bytes.extend([0xff; 20]);
        assert_eq!(Address::decode(&bytes), Some(address));
    }

    #[test]
    fn short_addresses_and_other_families_are_none() {
        let bytes = Address::default().encode();
        assert!((0..LENGTH).all(|length| Address::decode(&bytes[..length]).is_none()));
        let mut other = bytes;
        other[..2].copy_from_slice(&1_u16.to_ne_bytes());
        assert_eq!((Address::decode(&other), family(&other), family(&bytes[..1])), (None, Some(1), None));
    }
}
