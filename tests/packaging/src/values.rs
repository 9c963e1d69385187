//! A chart's `values.yaml` as its readers see it: each value with its default and the comment above it.

use serde_json::Value;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `image.tag`.
    pub path: String,
    pub default: Value,
    /// The comment above it, in one line; empty: there is none.
    pub says: String,
}

/// All values of a file, in its order. A mapping is one value if it has a comment or nothing in it, else the way to
/// those in it.
///
/// # Panics
/// When the file is no YAML, or is indented otherwise than by two blanks.
#[must_use]
pub fn entries(yaml: &str) -> Vec<Entry> {
    let whole: Value = serde_saphyr::from_str(yaml).expect("values.yaml");
    let mut entries: Vec<Entry> = Vec::new();
    // The keys that lead to the present line, and whether one of them is a value: what is in it is told with it.
    let mut way: Vec<(String, bool)> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in yaml.lines() {
        let text = line.trim_start();
        if let Some(words) = text.strip_prefix('#') {
            comment.push(words.trim());
            continue;
        }
        let key = text.split_once(':').map(|(key, _)| key).filter(|key| key.chars().all(char::is_alphanumeric));
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            comment.clear();
            continue;
        };
        let depth = (line.len() - text.len()) / 2;
        way.truncate(depth);
        assert_eq!(way.len(), depth, "indented by other than two blanks: {line}");
        let says = std::mem::take(&mut comment).join(" ");
        let inside = way.iter().any(|(_, is_value)| *is_value);
        way.push((key.to_owned(), false));
        if inside {
            continue;
        }
        let path: Vec<&str> = way.iter().map(|(key, _)| key.as_str()).collect();
        let default = whole.pointer(&format!("/{}", path.join("/"))).expect("a value of the file").clone();
        let is_way = says.is_empty() && default.as_object().is_some_and(|fields| !fields.is_empty());
        if !is_way {
            entries.push(Entry { path: path.join("."), default, says });
            way.last_mut().expect("pushed above").1 = true;
        }
    }
    entries
}

/// The table of a README.
#[must_use]
pub fn table(entries: &[Entry]) -> String {
    let mut text = String::from("| value | default | what it says |\n|---|---|---|\n");
    for entry in entries {
        let default = entry.default.to_string().replace('|', "\\|");
        text += &format!("| `{}` | `{default}` | {} |\n", entry.path, entry.says.replace('|', "\\|"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_a_leaf_or_a_mapping_with_a_comment() {
        let yaml = "# About all.\n\n# The name.\nname: a\ngroup:\n  # First\n  # half.\n  one: 1\n  bare: 2\n# Whole.\nmap:\n  x: {y: 1}\n";
        let entry = |path: &str, default, says: &str| Entry { path: path.into(), default, says: says.into() };
        let expected = vec![
            entry("name", json!("a"), "The name."),
            entry("group.one", json!(1), "First half."),
            entry("group.bare", json!(2), ""),
            entry("map", json!({"x": {"y": 1}}), "Whole."),
        ];
        assert_eq!(entries(yaml), expected);
    }
}
