//! Whatever stands in a file, reading it ends, and never in a panic; and what is wrong is never accepted.

use proptest::prelude::*;
use vitte_crds::{Persona, Source, load};

const PRODUCTION: &str = include_str!("../examples/production.yaml");
const COMPANION: &str = include_str!("../examples/companion.yaml");

/// Text made of what YAML is made of, far likelier to reach the deeper code than random characters.
fn yamlish() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("apiVersion: vitte.dev/v1alpha1\nkind: VitteBot\n".to_owned()),
        Just("kind: Secret\n".to_owned()),
        Just("metadata: {name: a}\nspec:\n".to_owned()),
        Just("---\n".to_owned()),
        Just("  telegram: ".to_owned()),
        Just("  modules: {companion: ".to_owned()),
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ": ",
            "- ",
            "\n",
            "  ",
            "&a ",
            "*a",
            "!!str ",
            "!x ",
            "|\n",
            ">-\n",
            "\"",
            "'",
            "? ",
            "<<: ",
            "0x",
            "-",
            ".",
            "~",
            "null",
            "1e999",
            "\t",
            "%YAML 1.2\n",
            "...\n",
            "\u{feff}",
            "#",
            ",",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z0-9:{}.,_ \\-]{0,12}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A real manifest with a stretch of it replaced.
fn damaged() -> impl Strategy<Value = String> {
    (prop::sample::select(vec![PRODUCTION, COMPANION]), any::<prop::sample::Index>(), 0..40usize, yamlish()).prop_map(
        |(text, at, length, new)| {
            let chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len());
            let end = (at + length).min(chars.len());
            chars[..at].iter().chain(new.chars().collect::<Vec<_>>().iter()).chain(&chars[end..]).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_reading_panic(text in yamlish()) {
        let _ = load(&[Source::new("a", text.clone())]);
        let _ = Persona::parse("a.yaml", &text);
        let _ = Persona::parse("a.json", &text);
    }

    #[test]
    fn a_damaged_manifest_loads_or_is_told_why_with_a_line(text in damaged()) {
        if let Err(problems) = load(&[Source::new("a", text)]) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                // "cannot be read" would mean that the schema took what the types refuse.
                prop_assert!(!problem.message.contains("cannot be read"), "{problem}");
            }
        }
    }
}
