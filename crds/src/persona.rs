//! Personas: who a companion is. One file each, in our YAML or as a character card.
//!
//! A ConfigMap's keys are the files. `luna.yaml` is our form, described by [`Persona`]; `luna.json` may be that too,
//! or a character card (V2 or V3). Whatever the form, the rest of Vitte sees a [`Persona`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::card;
use crate::manifest::Language;
use crate::patterns::{self, PERSONA_ID};
use crate::problem::{Finding, Problem};
use crate::schema::Walker;
use crate::sensitive::show;
use crate::yaml::{self, Node};

/// Endings of files that hold a persona.
const ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];

/// Who the companion is. In texts, `{{char}}` stands for its name and `{{user}}` for the person's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Persona {
    /// Its id in storage and callbacks; the file's name without its ending when left out. Changing it makes
    /// another persona.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64), regex(pattern = OPTIONAL_ID))]
    pub id: String,
    /// What it is called; one text, or one per language.
    pub name: Text,
    /// Who it is, for the model.
    #[schemars(length(min = 1, max = 16_000))]
    pub description: String,
    /// How it is, for the model.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16_000))]
    pub personality: String,
    /// Where and how it meets the person, for the model.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16_000))]
    pub scenario: String,
    /// Its first message; one text, or one per language.
    pub first_mes: Text,
    /// Other first messages to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub alternate_greetings: Vec<Text>,
    /// Examples of how it talks, for the model.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16_000))]
    pub mes_example: String,
    /// What stands before everything else that the model is told; Vitte's own words when left out.
    /// `{{original}}` stands for those.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16_000))]
    pub system_prompt: String,
    /// What the model is told last, after the conversation so far.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16_000))]
    pub post_history_instructions: String,
    /// How it uses a language, for the model: forms of address, turns of phrase.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "per_language")]
    pub language_notes: BTreeMap<Language, String>,
    /// What it knows, told to the model when one of the keys comes up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub book: Vec<BookEntry>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 64)))]
    pub tags: Vec<String>,
}

/// [`PERSONA_ID`], or nothing.
const OPTIONAL_ID: &str = r"^([a-z0-9][a-z0-9_\-]*)?$";

/// Something a persona knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BookEntry {
    /// Words that bring it up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 100)))]
    pub keys: Vec<String>,
    /// What the model is told.
    #[schemars(length(min = 1, max = 8_000))]
    pub content: String,
    /// Tell it always, whatever comes up.
    #[serde(default)]
    pub always: bool,
}

/// A text that people read: the same for all, or one per language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// The same in every language.
    Same(String),
    /// One per language; at least one.
    PerLanguage(BTreeMap<Language, String>),
}

impl Text {
    /// The text in a language, else in any that there is.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        match self {
            Self::Same(text) => text,
            Self::PerLanguage(texts) => {
                texts.get(&language).or_else(|| texts.values().next()).map_or("", String::as_str)
            }
        }
    }
}

/// A map with languages as keys is, to the schema, any map: so its keys are named.
fn per_language(_: &mut SchemaGenerator) -> Schema {
    let text = serde_json::json!({"type": "string", "maxLength": 16_000});
    json_schema!({"type": "object", "properties": {"ru": text, "en": text}, "additionalProperties": false})
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = serde_json::json!({"type": "string", "minLength": 1, "maxLength": 4096});
        json_schema!({
            "description": "One text, or one per language: {ru: ..., en: ...}.",
            "anyOf": [
                text,
                {
                    "type": "object",
                    "properties": {"ru": text, "en": text},
                    "additionalProperties": false,
                    "minProperties": 1,
                },
            ],
        })
    }
}

impl Persona {
    /// Reads a persona from a file's name (for its id) and text.
    ///
    /// # Errors
    /// Everything that is wrong with it, with the file's name as the source.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let base = file_name.rsplit(['/', ' ']).next().unwrap_or(file_name);
        Self::read(base, text).map_err(|mut findings| {
            findings.sort_by_key(|finding| finding.line);
            findings.into_iter().map(|finding| finding.within(file_name)).collect()
        })
    }

    fn read(file: &str, text: &str) -> Result<Self, Vec<Finding>> {
        let Some(stem) = ENDINGS.iter().find_map(|ending| file.strip_suffix(ending)) else {
            let finding = Finding::new("", "is not the name of a persona's file");
            return Err(vec![finding.allowed(format!("names ending in {}", ENDINGS.join(", ")))]);
        };
        let mut persona = if file.ends_with(".json") {
            let json: serde_json::Value = serde_json::from_str(text)
                .map_err(|error| vec![Finding::new("", format!("this is not JSON: {error}")).at(error.line())])?;
            if card::is_card(&json) { card::read(json)? } else { ours(&Node::from_json(json))? }
        } else {
            let (documents, faults) = yaml::parse(text);
            match documents.as_slice() {
                _ if !faults.is_empty() => return Err(faults),
                [document] => {
                    let json = document.to_json();
                    if card::is_card(&json) { card::read(json)? } else { ours(document)? }
                }
                _ => return Err(vec![Finding::new("", "must be exactly one document")]),
            }
        };
        if persona.id.is_empty() {
            persona.id = stem.to_lowercase().replace([' ', '.'], "-");
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
            if persona.id.is_empty() || persona.id.len() > 64 || !persona.id.chars().all(fits) {
                let message = format!("cannot be made from the file's name \"{}\": write id: ...", show(stem));
                let allowed = patterns::explain(PERSONA_ID).unwrap_or(PERSONA_ID);
                return Err(vec![Finding::new("id", message).allowed(allowed)]);
            }
        }
        Ok(persona)
    }

    /// A text of this persona with `{{char}}` and `{{user}}` filled in.
    #[must_use]
    pub fn fill(&self, text: &str, language: Language, user: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(begin) = rest.find("{{") {
            filled.push_str(&rest[..begin]);
            let inside = &rest[begin + 2..];
            let Some(end) = inside.find("}}") else {
                rest = &rest[begin..];
                break;
            };
            // One pass, so that a person called {{char}} stays that.
            match inside[..end].trim().to_ascii_lowercase().as_str() {
                "char" => filled.push_str(self.name.get(language)),
                "user" => filled.push_str(user),
                _ => filled.push_str(&rest[begin..begin + 2 + end + 2]),
            }
            rest = &inside[end + 2..];
        }
        filled.push_str(rest);
        filled
    }
}

fn ours(node: &Node) -> Result<Persona, Vec<Finding>> {
    let schema = schemars::schema_for!(Persona).to_value();
    let (json, findings) = Walker::new(&schema).walk(node);
    if !findings.is_empty() {
        return Err(findings);
    }
    serde_json::from_value(json).map_err(|error| vec![Finding::new("", format!("cannot be read: {error}"))])
}

/// The personas of one ConfigMap.
pub struct Personas;

impl Personas {
    /// Reads every file of a ConfigMap; `source` names it in messages.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn parse(source: &str, files: &BTreeMap<String, String>) -> Result<Vec<Persona>, Vec<Problem>> {
        let mut personas: Vec<Persona> = Vec::new();
        let mut problems = Vec::new();
        for (file, text) in files {
            let name = format!("{source} {file}");
            match Persona::parse(&name, text) {
                Ok(persona) => match personas.iter().find(|earlier| earlier.id == persona.id) {
                    Some(_) => {
                        let message = format!("another file has a persona \"{}\" too", persona.id);
                        problems.push(Finding::new("id", message).within(&name));
                    }
                    None => personas.push(persona),
                },
                Err(found) => problems.extend(found),
            }
        }
        if files.is_empty() {
            problems.push(Finding::new("data", "has no persona: add a key like luna.yaml").within(source));
        }
        if problems.is_empty() { Ok(personas) } else { Err(problems) }
    }
}
