//! The payload of `AUDIT_MAKE_EQUIV`: two lengths, then two path names without terminators.

use crate::Errno;

/// Longest path name accepted, in bytes (`PATH_MAX`).
const PATH_MAX: usize = 4096;

/// The two path names of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivalence {
    /// The path that rules already name.
    pub old: Vec<u8>,
    /// The path that is to count as the same tree.
    pub new: Vec<u8>,
}

impl Equivalence {
    /// Reads a request. A name ends at its first NUL byte, as a C string does.
    ///
    /// # Errors
    /// `EINVAL` for a payload under 8 bytes, an empty name, or a name beyond the payload; `ENAMETOOLONG` above 4096
    /// bytes. Source: `audit_receive_msg`, `audit_unpack_string`.
    pub fn decode(payload: &[u8]) -> Result<Equivalence, Errno> {
        let (sizes, strings) = payload.split_at_checked(8).ok_or(Errno::EINVAL)?;
        let size = |at: usize| u32::from_ne_bytes([sizes[at], sizes[at + 1], sizes[at + 2], sizes[at + 3]]);
        let (old, rest) = unpack(strings, size(0))?;
        let (new, _) = unpack(rest, size(4))?;
        Ok(Equivalence { old, new })
    }
}

fn unpack(bytes: &[u8], length: u32) -> Result<(Vec<u8>, &[u8]), Errno> {
    let length = usize::try_from(length).map_err(|_| Errno::EINVAL)?;
    if length == 0 || length > bytes.len() {
        return Err(Errno::EINVAL);
    }
    if length > PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    let (name, rest) = bytes.split_at(length);
    Ok((name.split(|byte| *byte == 0).next().unwrap_or(&[]).to_vec(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(old: u32, new: u32, strings: &[u8]) -> Vec<u8> {
        [&old.to_ne_bytes(), &new.to_ne_bytes(), strings].concat()
    }

    #[test]
    fn both_names_are_read() {
        let pair = Equivalence::decode(&request(4, 8, b"/tmp/var/tmp")).unwrap();
        assert_eq!((pair.old.as_slice(), pair.new.as_slice()), (&b"/tmp"[..], &b"/var/tmp"[..]));
    }

    #[test]
    fn a_name_ends_at_its_nul() {
        assert_eq!(Equivalence::decode(&request(4, 4, b"/a\0b/tmp")).unwrap().old, b"/a");
    }

    #[test]
    fn malformed_requests_are_refused_in_the_kernels_way() {
        assert_eq!(Equivalence::decode(b""), Err(Errno::EINVAL));
        assert_eq!(Equivalence::decode(&[0; 7]), Err(Errno::EINVAL));
        assert_eq!(Equivalence::decode(&request(0, 0, b"")), Err(Errno::EINVAL));
        assert_eq!(Equivalence::decode(&request(5, 5, b"")), Err(Errno::EINVAL));
        assert_eq!(Equivalence::decode(&request(4, 5, b"/tmp/tmp")), Err(Errno::EINVAL));
        assert_eq!(Equivalence::decode(&request(5000, 4, &[b'a'; 5004])), Err(Errno::ENAMETOOLONG));
        assert_eq!(Equivalence::decode(&request(u32::MAX, u32::MAX, b"x")), Err(Errno::EINVAL));
    }
}
