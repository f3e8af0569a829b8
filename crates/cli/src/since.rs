//! Points in time as people write them.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Since(pub(crate) u64);

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Since, String> {
        let wrong =
            || format!("{text:?} is no time; write seconds since 1970, or a time span like 30s, 10m, 2h, 1d");
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            _ => return text.parse().map(Since).map_err(|_| wrong()),
        };
        let number: u64 =
            text.get(..text.len() - 1).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Ok(Since(now.saturating_sub(number.saturating_mul(unit))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_spans_are_understood() {
        assert_eq!("1700000000".parse(), Ok(Since(1_700_000_000)));
        let (hour, day): (Since, Since) = ("1h".parse().unwrap(), "1d".parse().unwrap());
        assert!((82_799..=82_801).contains(&(hour.0 - day.0)));
        for wrong in ["", "h", "1w", "-1", "1.5h", "ü"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }
}
