//! Sets of steps, as the command line has them, and which of them a difference needs.

use std::collections::BTreeSet;

/// Parses `1,4-7`.
pub(crate) fn parse(text: &str) -> Result<Vec<usize>, String> {
    let number = |t: &str| t.parse::<usize>().map_err(|_| format!("{t:?} in {text:?} is not a step"));
    let mut out = Vec::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        match part.split_once('-') {
            Some((first, last)) => out.extend(number(first)?..=number(last)?),
            None => out.push(number(part)?),
        }
    }
    Ok(out)
}

/// What [`parse`] reads.
pub(crate) fn show(steps: &BTreeSet<usize>) -> String {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for n in steps {
        match out.last_mut() {
            Some((_, last)) if *last + 1 == *n => *last = *n,
            _ => out.push((*n, *n)),
        }
    }
    let part = |(a, b): &(usize, usize)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    out.iter().map(part).collect::<Vec<_>>().join(",")
}

/// The steps that can be left out, as many at a time as possible, so that there is still a difference.
pub(crate) fn needless(
    steps: usize,
    mut differs: impl FnMut(&BTreeSet<usize>) -> Result<bool, String>,
) -> Result<BTreeSet<usize>, String> {
    let mut drop = BTreeSet::new();
    let mut size = steps.div_ceil(2).max(1);
    loop {
        for start in (0..steps).step_by(size) {
            let mut more = drop.clone();
            more.extend(start..(start + size).min(steps));
            if more.len() > drop.len() && differs(&more)? {
                drop = more;
            }
        }
        if size == 1 {
            return Ok(drop);
        }
        size = size.div_ceil(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_back() {
        assert_eq!(parse("1,4-6").unwrap(), [1, 4, 5, 6]);
        assert!(parse("x").is_err());
        assert_eq!(show(&BTreeSet::from([1, 4, 5, 6])), "1,4-6");
        assert_eq!(show(&BTreeSet::new()), "");
    }

    #[test]
    fn only_what_a_difference_needs_is_left() {
        let needed = BTreeSet::from([3, 17, 40]);
        let drop = needless(60, |drop| Ok(drop.is_disjoint(&needed))).unwrap();
        assert_eq!((0..60).filter(|step| !drop.contains(step)).collect::<BTreeSet<_>>(), needed);
    }
}
