//! How a container is called.

use std::str;

/// Longest name, in bytes.
const NAME_MAX: usize = 48;
/// What monitors call themselves, before the folder of containers and the container's name.
const TITLE: &str = "[lxc monitor] ";

/// A name of letters, digits, `.`, `_` and `-` that begins with a letter or digit, of at most 48 bytes: from the cookie of
/// the container's configuration or, if that is empty, from the command line of its monitor as `/proc` has it. `None` if
/// neither tells one. What a name cannot have becomes a `-`.
pub fn container_name(cookie: &[u8], command_line: &[u8]) -> Option<String> {
    clean(cookie).or_else(|| clean(named(command_line)?.as_bytes()))
}

/// The name in `[lxc monitor] FOLDER NAME`, or in the arguments of a program that is its own monitor.
fn named(command_line: &[u8]) -> Option<&str> {
    let mut words = command_line.split(|byte| *byte == 0).filter_map(|word| str::from_utf8(word).ok());
    let program = words.next()?;
    if let Some(title) = program.strip_prefix(TITLE) {
        return title.trim_end().rsplit(' ').next();
    }
    while let Some(word) = words.next() {
        match word {
            "-n" | "--name" => return words.next(),
            "--" => return None,
            _ => {}
        }
        if let Some(name) = word.strip_prefix("--name=") {
            return Some(name);
        }
        let short = word.strip_prefix("-n").filter(|name| !name.is_empty());
        if short.is_some() {
            return short;
        }
    }
    None
}

fn clean(name: &[u8]) -> Option<String> {
    let letter = |byte: &u8| match byte {
        b'.' | b'_' | b'-' => char::from(*byte),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte),
        _ => '-',
    };
    let cleaned = name.iter().map(letter).skip_while(|letter| !letter.is_ascii_alphanumeric());
    Some(cleaned.take(NAME_MAX).collect::<String>()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(cookie: &str, words: &[&str]) -> Option<String> {
        container_name(cookie.as_bytes(), words.join("\0").as_bytes())
    }

    #[test]
    fn the_cookie_comes_before_the_monitors_name_for_itself() {
        let title = &["[lxc monitor] /var/lib/lxc web"];
        assert_eq!(of("shop", title).as_deref(), Some("shop"));
        assert_eq!(of("", title).as_deref(), Some("web"));
        assert_eq!(of("", &["[lxc monitor] /a folder/lxc web", "", ""]).as_deref(), Some("web"));
        assert_eq!(of("", &["lxc-execute", "-P", "/x", "-n", "job", "--", "true"]).as_deref(), Some("job"));
        assert_eq!(of("", &["lxc-start", "-F", "-njob"]).as_deref(), Some("job"));
        assert_eq!(of("", &["lxc-start", "--name=job"]).as_deref(), Some("job"));
        for words in [&["lxc-execute", "--", "-n", "other"][..], &["sh"], &[], &["lxc-start", "-n"]] {
            assert_eq!(of("", words), None, "{words:?}");
        }
    }

    #[test]
    fn what_a_name_cannot_have_is_replaced() {
        assert_eq!(of("/../etc/a b\u{1b}[31m", &[]).as_deref(), Some("etc-a-b--31m"));
        assert_eq!(of(&"x".repeat(60), &[]).map(|name| name.len()), Some(NAME_MAX));
        assert_eq!(of("...", &["sh"]), None);
    }

    proptest! {
        #[test]
        fn whatever_is_said_a_name_is_a_name(cookie: Vec<u8>, words: Vec<u8>) {
            let mut title = TITLE.as_bytes().to_vec();
            title.extend_from_slice(&words);
            for line in [words, title] {
                if let Some(name) = container_name(&cookie, &line) {
                    prop_assert!(name.len() <= NAME_MAX);
                    prop_assert!(name.starts_with(|first: char| first.is_ascii_alphanumeric()));
                    prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)));
                }
            }
        }
    }
}
