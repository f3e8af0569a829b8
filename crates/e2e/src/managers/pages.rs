//! The pages of the documentation.

use std::fs;

use crate::workdir;

/// A fenced block of a page.
#[derive(Debug, Clone)]
struct Block {
    /// The word behind the fence.
    language: String,
    /// What is in it.
    text: String,
}

/// The blocks of a page of `docs`, as `runtimes/podman`.
fn blocks(page: &str) -> Vec<Block> {
    let path = workdir::package().join("../../docs").join(page).with_extension("md");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of {} does not end", path.display());
    blocks
}

/// The first block of a page in a language that contains a text.
///
/// # Panics
/// When there is none.
pub fn block(page: &str, language: &str, containing: &str) -> String {
    let found =
        blocks(page).into_iter().find(|block| block.language == language && block.text.contains(containing));
    found.unwrap_or_else(|| panic!("docs/{page}.md has no {language} block with {containing:?}")).text
}
