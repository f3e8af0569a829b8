//! Going through a text without a look at most of its lines.

use crate::needle::Needles;
use crate::search::Search;
use memchr::{memchr, memrchr};

/// See [`Search::lines_of`].
#[derive(Debug)]
pub struct Lines<'s, 't> {
    search: &'s Search,
    /// Each with the place where it comes next; `None` if it comes no more.
    needles: Option<Vec<(&'s memchr::memmem::Finder<'static>, Option<usize>)>>,
    text: &'t [u8],
    at: usize,
}

impl<'s, 't> Lines<'s, 't> {
    pub(crate) fn new(search: &'s Search, needles: Option<&'s Needles>, text: &'t [u8]) -> Lines<'s, 't> {
        let needles = needles
            .map(|needles| needles.finders().iter().map(|finder| (finder, finder.find(text))).collect());
        Lines { search, needles, text, at: 0 }
    }

    /// Goes to the beginning of the next line that may match.
    fn go_on(&mut self) -> Option<()> {
        let Some(needles) = &mut self.needles else { return Some(()) };
        let rest = self.text.get(self.at..)?;
        for (finder, place) in &mut *needles {
            if place.is_some_and(|place| place < self.at) {
                *place = finder.find(rest).map(|found| self.at + found);
            }
        }
        let first = needles.iter().filter_map(|(_, place)| *place).min()?;
        let before = self.text.get(self.at..first)?;
        self.at += memrchr(b'\n', before).map_or(0, |end| end + 1);
        Some(())
    }
}

impl<'t> Iterator for Lines<'_, 't> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        while self.at < self.text.len() {
            self.go_on()?;
            let rest = self.text.get(self.at..)?;
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            self.at += end + 1;
            let line = rest.get(..end)?;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if self.search.matches(line) {
                return Some(line);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "type=A msg=audit(1.000:1): pid=12 x=y\r\n\
        \n\
        no record pid=12\n\
        type=A msg=audit(1.000:2): pid=123\n\
        type=B msg=audit(1.000:3): pid=12\0 x=y\n\
        type=B msg=audit(1.000:4): pid=12 msg='\0'\n\
        type=B msg=audit(1.000:5): pid=1 msg='pid=12'\n\
        type=C msg=audit(1.000:6): pid=12";

    fn serials(texts: &[&str], log: &[u8]) -> Vec<u64> {
        let search = Search::new(texts.iter().map(|text| text.parse().unwrap()).collect(), None, None);
        let search = search.unwrap();
        let lines = search.lines_of(log);
        lines.map(|line| crate::Record::parse(line).map_or(0, |record| record.serial)).collect()
    }

    #[test]
    fn matching_lines_come_in_order() {
        assert_eq!(serials(&["pid=12"], LOG.as_bytes()), [1, 4, 6]);
        assert_eq!(serials(&["pid=12,123"], LOG.as_bytes()), [1, 2, 4, 6]);
        assert_eq!(serials(&["pid!=12"], LOG.as_bytes()), [2, 3, 5]);
        assert_eq!(serials(&["type=b", "pid=12"], LOG.as_bytes()), [4]);
        assert_eq!(serials(&[], LOG.as_bytes()), [1, 0, 0, 2, 3, 4, 5, 6]);
        assert_eq!(serials(&["pid=7"], LOG.as_bytes()), [0; 0]);
        assert_eq!(serials(&["pid=12"], b""), [0; 0]);
    }

    #[test]
    fn bytes_that_are_no_text_are_bytes() {
        let log = b"type=A msg=audit(1.000:1): pid=1 msg='acct=\xff\xfe op=x'\n\xff\n\x00";
        assert_eq!(serials(&["op=x"], log), [1]);
        assert_eq!(serials(&["op=x,y,z,\u{e4}"], log), [1]);
    }
}
