//! Bytes that every matching line holds, so that other lines need not be looked at.

use crate::expression::{Expression, Subject};
use crate::field::Place;
use memchr::memmem::Finder;

/// Most needles that are looked for at once; with more, every line is looked at.
const NEEDLES_MAX: usize = 8;
/// From this length on a value is looked for by itself, without the name of its field before it.
const TELLING: usize = 4;

/// Needles of which every line that matches holds one at least.
#[derive(Clone, Debug)]
pub(crate) struct Needles(Vec<Finder<'static>>);

impl Needles {
    /// Those of the expression that leaves the fewest lines, as far as can be told; `None` if every line must be looked at.
    pub(crate) fn of(expressions: &[Expression]) -> Option<Needles> {
        let lists =
            expressions.iter().filter_map(|expression| Some((rank(expression), needles(expression)?)));
        let (_, best) = lists.min_by_key(|(rank, needles)| (*rank, needles.len()))?;
        Some(Needles(best.iter().map(|needle| Finder::new(needle).into_owned()).collect()))
    }

    pub(crate) fn finders(&self) -> &[Finder<'static>] {
        &self.0
    }
}

/// The lower, the fewer lines have the same.
fn rank(expression: &Expression) -> u8 {
    match expression.subject() {
        Subject::Serial => 0,
        Subject::Field { name, .. } => match name.as_slice() {
            // All lines of a namespace's log.
            b"contid" => 4,
            b"res" | b"op" | b"success" => 3,
            _ => 1,
        },
        Subject::Kind => 2,
    }
}

fn needles(expression: &Expression) -> Option<Vec<Vec<u8>>> {
    let mut needles = Vec::new();
    for value in expression.required()? {
        let bare = value.bare();
        match expression.subject() {
            Subject::Kind => needles.push([b"type=", bare, b" msg=audit("].concat()),
            // A record shows a number as its writer likes, with zeros before it for example.
            Subject::Serial => needles.push([bare, b"):"].concat()),
            Subject::Field { name, place: Place::Own } => needles.push([name, &b"="[..], bare].concat()),
            Subject::Field { name, .. } => {
                let is_key = expression.subject().is_key();
                if is_key || bare.len() >= TELLING {
                    needles.extend(value.traces(is_key));
                } else {
                    for quote in [&b""[..], b"\""] {
                        needles.push([name, &b"="[..], quote, bare].concat());
                    }
                    let digits = value.traces(false).skip(1);
                    needles.extend(digits.map(|digits| [name, &b"="[..], &digits].concat()));
                }
            }
        }
    }
    (needles.len() <= NEEDLES_MAX).then_some(needles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(expressions: &[&str]) -> Vec<String> {
        let expressions: Vec<Expression> = expressions.iter().map(|text| text.parse().unwrap()).collect();
        let Some(needles) = Needles::of(&expressions) else { return Vec::new() };
        needles.finders().iter().map(|finder| String::from_utf8(finder.needle().to_vec()).unwrap()).collect()
    }

    #[test]
    fn the_rarest_are_looked_for() {
        assert_eq!(texts(&["type=LOGIN", "auid=1000", "contid=7"]), ["auid=1000"]);
        assert_eq!(texts(&["contid=7", "type=LOGIN"]), ["type=LOGIN msg=audit("]);
        assert_eq!(texts(&["auid=1,2", "pid=3"]), ["pid=3"]);
        assert_eq!(texts(&["serial=7", "pid=3"]), ["7):"]);
        assert_eq!(texts(&["acct=root"]), ["root", "726F6F74"]);
        assert_eq!(texts(&["tty=a"]), ["tty=a", "tty=\"a", "tty=61"]);
        assert_eq!(texts(&["key=1"]), ["1", "31"]);
        assert_eq!(texts(&["pid!=3"]), [""; 0]);
        assert_eq!(texts(&["pid=1,2,3,4,5,6,7,8"]).len(), NEEDLES_MAX);
        assert_eq!(texts(&["pid=1,2,3,4,5,6,7,8,9"]), [""; 0]);
        assert_eq!(texts(&[]), [""; 0]);
    }
}
