//! Making names for namespaces of what managers call containers.

/// Longest name of a namespace, in bytes.
const NAME_MAX: usize = 64;
/// As many digits of an id as managers show.
const SHORT_ID: usize = 12;
/// Digits of the identifiers that managers draw.
const LONG_ID: usize = 64;

fn valid_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | ':')
}

/// Whether a namespace may be called so.
pub(super) fn valid(name: &str) -> bool {
    name.len() <= NAME_MAX
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(valid_character)
}

pub(super) fn of_id(id: &str) -> String {
    match id.get(..SHORT_ID) {
        Some(short) if id.len() == LONG_ID && id.chars().all(|digit| digit.is_ascii_hexdigit()) => {
            short.to_owned()
        }
        _ => single(id),
    }
}

pub(super) fn single(text: &str) -> String {
    if valid(text) { text.to_owned() } else { hashed(text, &[text]) }
}

/// The parts with dots between. A part that has a dot itself might be taken for two.
pub(super) fn joined(parts: &[&str]) -> String {
    let whole = parts.join(".");
    if valid(&whole) && !parts.iter().any(|part| part.contains('.')) { whole } else { hashed(&whole, parts) }
}

fn hashed(whole: &str, parts: &[&str]) -> String {
    let suffix = format!("-{:016x}", hash(parts));
    let mut name = String::with_capacity(NAME_MAX);
    if !whole.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        name.push('c');
    }
    let room = NAME_MAX - suffix.len() - name.len();
    name.extend(whole.chars().take(room).map(|each| if valid_character(each) { each } else { '_' }));
    name + &suffix
}

/// FNV-1a: stays the same on every machine and in every version. Parts end in a byte that no text has.
fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The longest beginning of a text that has at most so many bytes.
pub(super) fn cut(text: &str, longest: usize) -> &str {
    (0..=longest.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}
