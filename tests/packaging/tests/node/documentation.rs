//! A page of documentation as what its reader types: the indented blocks, by heading.

use vitte_packaging::{read, root};

/// A line with this in its comment is not typed by a test: it says what it would need.
const NOT_HERE: &str = "  # needs ";

pub struct Documentation {
    /// Heading and line, in their order.
    lines: Vec<(String, String)>,
}

impl Documentation {
    pub fn read(path: &str) -> Self {
        let page = Self::parse(&read(root().join(path)));
        assert!(page.count() > 10, "{path} has hardly any command: {:?}", page.lines);
        page
    }

    fn parse(text: &str) -> Self {
        let mut heading = String::new();
        let mut lines = Vec::new();
        for line in text.lines() {
            if let Some(words) = line.strip_prefix("## ") {
                words.clone_into(&mut heading);
            } else if let Some(command) = line.strip_prefix("    ")
                && !command.contains(NOT_HERE)
            {
                lines.push((heading.clone(), command.to_owned()));
            }
        }
        Self { lines }
    }

    pub fn lines_of(&self, heading: &str) -> Vec<&str> {
        let found: Vec<&str> =
            self.lines.iter().filter(|(under, _)| under == heading).map(|(_, line)| line.as_str()).collect();
        assert!(!found.is_empty(), "there is nothing to type under {heading:?}");
        found
    }

    pub fn count(&self) -> usize {
        self.lines.len()
    }
}

#[test]
fn what_is_typed_is_what_is_indented_and_needs_nothing_else() {
    let page = Documentation::parse("## One\nText\n    a\n    b  # needs kind\n\n## Two\n    c # and so on\n");
    assert_eq!(page.lines_of("One"), ["a"]);
    assert_eq!(page.lines_of("Two"), ["c # and so on"]);
    assert_eq!(page.count(), 2);
}
