//! From the text of a file to changes of a policy.

mod section;
mod sections;
mod source;
#[cfg(test)]
mod tests;
mod value;

use crate::error::PolicyError;
use crate::policy::Policy;
use source::Source;
use std::path::Path;

/// Applies a file to a policy.
pub(crate) fn file(path: &Path, content: &[u8], policy: &mut Policy) -> Result<(), PolicyError> {
    let source = Source::new(path, content)?;
    let document = source.document()?;
    sections::apply(&source, &document, policy)
}
