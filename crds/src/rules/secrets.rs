//! No secret in a manifest: the twins of [`crate::sensitive`], which looks at every text.
//!
//! The API server cannot look at a whole object's texts at once, so the rule is put beside every text whose form
//! lets a secret through ([`guard`]). It sees neither labels and annotations of the object itself, nor keys of
//! mappings, nor `affinity`; there the operator's own look decides.

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::Cel;
use crate::sensitive::Suspect;

/// The rules that a text's schema needs so that no secret passes; none where its form refuses them already.
pub(crate) fn guard(schema: &Map<String, Json>) -> Vec<Json> {
    let longest = schema.get("maxLength").and_then(Json::as_u64).unwrap_or(u64::MAX);
    let form = schema.get("pattern").and_then(Json::as_str).and_then(|pattern| Regex::new(pattern).ok());
    let passes = |text: &str| text.len() as u64 <= longest && form.as_ref().is_none_or(|form| form.is_match(text));
    Suspect::ALL
        .into_iter()
        .filter(|suspect| specimens(*suspect).iter().any(|text| passes(text)))
        .map(|suspect| Cel::new("", format!("!self.matches(r'{}')", suspect.form()), suspect.advice()).to_json())
        .collect()
}

/// The shortest secret of a kind, in each dress in which it might pass a field's form.
fn specimens(suspect: Suspect) -> [String; 3] {
    let secret = match suspect {
        Suspect::BotToken => format!("123456:{}", "A".repeat(30)),
        Suspect::ApiKey => format!("sk-{}", "a".repeat(21)),
        Suspect::AddressWithPassword => "a://u:p@h".to_owned(),
    };
    [format!("https://h/{secret}"), format!("h/{secret}"), secret]
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::patterns::{DATA_KEY, HOST, HTTP_URL, QUIET_HOURS};
    use crate::sensitive::suspect;

    fn guarded(pattern: &str, longest: u64) -> usize {
        let schema = serde_json::json!({"pattern": pattern, "maxLength": longest});
        guard(schema.as_object().unwrap()).len()
    }

    #[test]
    fn only_what_a_form_lets_through_is_guarded_against() {
        assert_eq!((guarded("", 255), guarded("", 20)), (3, 1));
        assert_eq!((guarded(QUIET_HOURS, 11), guarded(HOST, 253)), (0, 0));
        // A key of a model vendor looks like a key of a Secret; a token has a colon.
        assert_eq!(guarded(DATA_KEY, 253), 1);
        assert_eq!(guarded(HTTP_URL, 255), 2);
    }

    /// What the rule in CEL takes for a secret, which is its form in the dialect of regular expressions of both.
    fn twin(text: &str) -> Option<Suspect> {
        static FORMS: LazyLock<[(Suspect, Regex); 3]> =
            LazyLock::new(|| Suspect::ALL.map(|suspect| (suspect, Regex::new(suspect.form()).unwrap())));
        FORMS.iter().find(|(_, form)| form.is_match(text)).map(|(suspect, _)| *suspect)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn both_rules_take_the_same_texts_for_secrets(
            pieces in prop::collection::vec(
                prop_oneof![
                    "[0-9]{4,8}", "[A-Za-z0-9_-]{28,32}", "sk-[a-z0-9-]{18,24}", "[a-z]{1,3}",
                    prop::sample::select(vec![":", "://", "@", "/", "?", "#", " ", "\"", "'", ",", "=", ".", "sk-", "\u{416}"])
                        .prop_map(str::to_owned),
                ],
                0..8,
            ),
        ) {
            let text = pieces.concat();
            prop_assert_eq!(twin(&text), suspect(&text), "{}", text);
        }
    }
}
