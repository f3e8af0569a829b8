//! Search in logs of auditd's format: bytes in, matching lines out. Pure: no files, no clock, no unsafe.
//!
//! ```
//! use auditns_search::Search;
//!
//! let search = Search::new(vec!["type=USER_LOGIN".parse()?, "auid=1000,1001".parse()?], None, None)?;
//! let log = b"type=USER_LOGIN msg=audit(1700000000.123:42): pid=12 uid=0 auid=1000 ses=3 msg='op=login'\n\
//!             type=USER_LOGIN msg=audit(1700000000.124:43): pid=12 uid=0 auid=0 ses=4 msg='auid=1000'\n";
//! let found: Vec<&[u8]> = search.lines_of(log).collect();
//! assert_eq!(found.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod expression;
mod field;
mod needle;
mod record;
mod scan;
mod search;
mod value;

pub use expression::{EXPRESSION_MAX, Expression, ExpressionError};
pub use record::Record;
pub use scan::Lines;
pub use search::{EXPRESSIONS_MAX, Search, TooManyExpressions};
