//! Character cards, the form in which people share personas: V2 and V3, as JSON.
//!
//! A card holds many things that concern other programs; those are left alone, and only what a persona has is taken.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::persona::{BookEntry, Persona, Text};
use crate::problem::Finding;
use crate::schema::Walker;
use crate::yaml::Node;

const KNOWN: [&str; 2] = ["chara_card_v2", "chara_card_v3"];

#[derive(Deserialize, JsonSchema)]
struct Card {
    data: CardData,
}

#[derive(Deserialize, JsonSchema)]
struct CardData {
    /// What it is called.
    #[schemars(length(min = 1, max = 4096))]
    name: String,
    /// The name in chats, where it differs (V3).
    #[serde(default)]
    #[schemars(length(max = 4096))]
    nickname: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 16_000))]
    description: String,
    #[serde(default)]
    #[schemars(length(max = 16_000))]
    personality: String,
    #[serde(default)]
    #[schemars(length(max = 16_000))]
    scenario: String,
    /// Its first message.
    #[schemars(length(min = 1, max = 4096))]
    first_mes: String,
    #[serde(default)]
    #[schemars(length(max = 16_000))]
    mes_example: String,
    #[serde(default)]
    #[schemars(length(max = 16_000))]
    system_prompt: String,
    #[serde(default)]
    #[schemars(length(max = 16_000))]
    post_history_instructions: String,
    #[serde(default)]
    #[schemars(length(max = 32), inner(length(max = 4096)))]
    alternate_greetings: Vec<String>,
    #[serde(default)]
    character_book: Option<CardBook>,
    #[serde(default)]
    #[schemars(length(max = 64))]
    tags: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
struct CardBook {
    #[serde(default)]
    #[schemars(length(max = 500))]
    entries: Vec<CardEntry>,
}

#[derive(Deserialize, JsonSchema)]
struct CardEntry {
    #[serde(default)]
    #[schemars(length(max = 32))]
    keys: Vec<String>,
    #[serde(default)]
    #[schemars(length(max = 8_000))]
    content: String,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    constant: bool,
    #[serde(default)]
    insertion_order: f64,
}

fn yes() -> bool {
    true
}

/// Whether this says that it is a character card, known or not.
pub(crate) fn is_card(json: &Json) -> bool {
    json.get("spec").and_then(Json::as_str).is_some_and(|spec| spec.starts_with("chara_card"))
}

/// Takes a persona out of a card. The id is left to the file's name.
pub(crate) fn read(json: Json) -> Result<Persona, Vec<Finding>> {
    let spec = json.get("spec").and_then(Json::as_str).unwrap_or_default();
    if !KNOWN.contains(&spec) {
        return Err(vec![Finding::new("spec", "is no known version of a character card").allowed(KNOWN.join(", "))]);
    }
    let schema = schemars::schema_for!(Card).to_value();
    let (json, mut findings) = Walker::new(&schema).walk(&Node::from_json(json));
    if !findings.is_empty() {
        // A card is one line of JSON for most programs: a line number would say nothing.
        findings.iter_mut().for_each(|finding| finding.line = None);
        return Err(findings);
    }
    let card: Card =
        serde_json::from_value(json).map_err(|error| vec![Finding::new("", format!("cannot be read: {error}"))])?;
    Ok(persona(card.data))
}

fn persona(card: CardData) -> Persona {
    let mut entries = card.character_book.map(|book| book.entries).unwrap_or_default();
    entries.sort_by(|a, b| a.insertion_order.total_cmp(&b.insertion_order));
    let book = entries
        .into_iter()
        .filter(|entry| entry.enabled && !entry.content.is_empty())
        .map(|entry| BookEntry { keys: entry.keys, content: entry.content, always: entry.constant })
        .collect();
    let greetings = card.alternate_greetings.into_iter().filter(|text| !text.is_empty());
    Persona {
        id: String::new(),
        name: Text::Same(card.nickname.filter(|name| !name.is_empty()).unwrap_or(card.name)),
        description: card.description,
        personality: card.personality,
        scenario: card.scenario,
        first_mes: Text::Same(card.first_mes),
        alternate_greetings: greetings.map(Text::Same).collect(),
        mes_example: card.mes_example,
        system_prompt: card.system_prompt,
        post_history_instructions: card.post_history_instructions,
        language_notes: std::collections::BTreeMap::new(),
        book,
        tags: card.tags,
    }
}
