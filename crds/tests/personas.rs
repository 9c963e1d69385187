//! Personas in our form and as character cards.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::json;
use vitte_crds::{Language, Persona, Source, load, persona::Text};

fn problems(file: &str, text: &str) -> Vec<String> {
    Persona::parse(file, text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn our_form_takes_its_id_from_the_file_and_speaks_each_language() {
    let luna = Persona::parse("luna.yaml", "name: Luna\ndescription: d\nfirstMes: {ru: Привет, en: Hi}\n").unwrap();
    assert_eq!(luna.id, "luna");
    assert_eq!((luna.first_mes.get(Language::Ru), luna.first_mes.get(Language::En)), ("Привет", "Hi"));
    let only = Persona::parse("a.yaml", "id: b\nname: L\ndescription: d\nfirstMes: {ru: Привет}\n").unwrap();
    assert_eq!((only.id.as_str(), only.first_mes.get(Language::En)), ("b", "Привет"));
}

#[test]
fn everything_wrong_with_a_persona_is_told_at_once() {
    assert_eq!(
        problems("luna.yaml", "nmae: Luna\ndescription: 5\nfirstMes: {fr: Salut}\nlanguageNotes: {fr: Tutoyer}\n"),
        [
            "luna.yaml:1 nmae: unknown key; did you mean name?; allowed: id, name, description, personality, scenario, \
             firstMes, alternateGreetings, mesExample, systemPrompt, postHistoryInstructions, languageNotes, book, tags",
            "luna.yaml:1 name: is missing (What it is called; one text, or one per language)",
            "luna.yaml:2 description: is a whole number; allowed: a text in quotes",
            "luna.yaml:3 firstMes.fr: unknown key; allowed: ru, en",
            "luna.yaml:4 languageNotes.fr: unknown key; allowed: ru, en",
        ]
    );
    assert_eq!(
        problems("luna.txt", "x"),
        ["luna.txt: is not the name of a persona's file; allowed: names ending in .yaml, .yml, .json"]
    );
    assert_eq!(
        problems("луна.yaml", "name: L\ndescription: d\nfirstMes: Hi\n"),
        [
            "луна.yaml id: cannot be made from the file's name \"луна\": write id: ...; allowed: lower-case letters, digits, \
          \"-\" and \"_\", like luna"
        ]
    );
}

#[test]
fn a_character_card_is_read_and_what_is_not_ours_left_alone() {
    for spec in ["chara_card_v2", "chara_card_v3"] {
        let card = json!({
            "spec": spec, "spec_version": "2.0",
            "data": {
                "name": "Luna", "description": "d\u{1F319}", "personality": "p", "scenario": "s",
                "first_mes": "Hi {{user}}", "mes_example": "e", "creator_notes": "not ours",
                "system_prompt": "sys", "post_history_instructions": "post",
                "alternate_greetings": ["Hello", ""], "tags": ["t"], "extensions": {"x": 1},
                "character_book": {"entries": [
                    {"keys": ["b"], "content": "second", "enabled": true, "insertion_order": 2},
                    {"keys": ["a"], "content": "first", "enabled": true, "insertion_order": 1, "constant": true},
                    {"keys": ["c"], "content": "off", "enabled": false, "insertion_order": 0},
                ]},
            },
        });
        let luna = Persona::parse("Luna.json", &card.to_string()).unwrap();
        assert_eq!((luna.id.as_str(), luna.name.get(Language::Ru)), ("luna", "Luna"));
        assert_eq!((luna.system_prompt.as_str(), luna.post_history_instructions.as_str()), ("sys", "post"));
        assert_eq!(luna.alternate_greetings, [Text::Same("Hello".to_owned())]);
        let book: Vec<_> = luna.book.iter().map(|entry| (entry.content.as_str(), entry.always)).collect();
        assert_eq!(book, [("first", true), ("second", false)]);
    }
}

#[test]
fn a_broken_card_is_told_by_its_paths() {
    let card = json!({"spec": "chara_card_v2", "data": {"name": "", "first_mes": 5}});
    assert_eq!(
        problems("l.json", &card.to_string()),
        [
            "l.json data.name: is empty; allowed: 1 to 4096 characters",
            "l.json data.first_mes: is a whole number; allowed: a text in quotes",
        ]
    );
    assert_eq!(
        problems("l.json", r#"{"spec": "chara_card_v9"}"#),
        ["l.json spec: is no known version of a character card; allowed: chara_card_v2, chara_card_v3"]
    );
    assert!(problems("l.json", "{\n  oops")[0].starts_with("l.json:2: this is not JSON"));
}

#[test]
fn placeholders_are_filled_once_and_unknown_ones_stay() {
    let luna = Persona::parse("luna.yaml", "name: {ru: Луна, en: Luna}\ndescription: d\nfirstMes: Hi\n").unwrap();
    let filled = luna.fill("{{Char}} and {{user}}, {{ user }}; {{original}} {{", Language::Ru, "{{char}}");
    assert_eq!(filled, "Луна and {{char}}, {{char}}; {{original}} {{");
}

#[test]
fn the_personas_that_a_manifest_names_are_checked_with_it() {
    let text = "apiVersion: vitte.dev/v1alpha1\nkind: VitteBot\nmetadata: {name: luna}\nspec:\n  version: 0.1.0\n  \
        telegram: {tokenSecretRef: {name: luna, key: token}, updates: Polling}\n  modules:\n    companion:\n      \
        llm: {baseUrl: \"http://[::1]:8000/v1\", model: m}\n      personasConfigMapRef: {name: p}\n      \
        defaultPersona: mira\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: p}\ndata:\n  luna.yaml: |\n    \
        name: Luna\n    description: d\n    FIRST\n";
    let said = |first: &str| -> Vec<String> {
        let source = Source::new("bot.yaml", text.replace("FIRST", first));
        load(&[source]).unwrap_err().iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        said("firstMes: Hi"),
        ["bot.yaml:11 spec.modules.companion.defaultPersona: ConfigMap p has no persona \"mira\"; allowed: luna"]
    );
    assert_eq!(
        said("firstMes: [Hi]"),
        ["bot.yaml ConfigMap p luna.yaml:3 firstMes: is a list; allowed: a text or a mapping of keys and values"]
    );
}
