//! `render`: the objects that the operator would apply for a manifest, without a cluster.
//!
//! Files go in; objects in the order in which to apply them come out, the migration Job before the Deployments, which
//! wait for its schema. What only a cluster can add is missing: owners, digests of Secrets, and the Secrets that the
//! operator makes, unless new ones are asked for: two renderings of one manifest must be the same.

use std::collections::BTreeMap;
use std::fmt;

use chrono::DateTime;
use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use vitte_crds::{Bundle, Source, uses};

use crate::build;
use crate::dereference::{Found, SecretFound};
use crate::names::ANNOTATION_SECRETS;
use crate::objects::{Apis, Kind};
use crate::plan;
use crate::resource::VitteBot;
use crate::upgrade::{Step, Task};
use crate::validate::{self, Invalid, Missing, Valid, validate};

/// Stands for a random value in what a person is told to type.
const VALUE: &str = "$value";

/// What only the caller knows.
#[derive(Clone, Debug)]
pub struct Options {
    /// The optional kinds that the cluster will have.
    pub apis: Apis,
    /// Write Secrets with new random values for what the operator would make. Each rendering makes other ones.
    pub generate_secrets: bool,
}

impl Default for Options {
    /// Every optional kind that a manifest asks for by name; KEDA's it does not.
    fn default() -> Self {
        let apis = Apis([Kind::HttpRoute, Kind::ServiceMonitor, Kind::PrometheusRule].into());
        Self { apis, generate_secrets: false }
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Whole objects, in the order in which to apply them.
    pub objects: Vec<Value>,
    /// What a person should know or do besides, a line each.
    pub notes: Vec<String>,
}

/// Why nothing came out: everything at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub Vec<String>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the manifest has {count} problem{}:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Refused {}

/// Renders a manifest; Secrets and ConfigMaps may stand in the same files. `fresh`: see [`build::build`].
///
/// # Errors
/// Everything that is wrong with the files, and every ConfigMap that they lack.
pub fn render(sources: &[Source], options: &Options, fresh: &mut impl FnMut() -> String) -> Result<Rendered, Refused> {
    let bundle =
        vitte_crds::load(sources).map_err(|problems| Refused(problems.iter().map(ToString::to_string).collect()))?;
    let bot = bot(&bundle);
    let found = offline(&bundle, &options.apis);
    let valid = validate(&bot, &found).map_err(|invalid| refused(&invalid))?;
    // Nothing here waits for time.
    let now = DateTime::UNIX_EPOCH;
    let mut plan = plan::plan(&valid, &found, None, now);
    let mut notes = Vec::new();
    match &plan.upgrade.step {
        // Who applies the output applies the database, the Job and the Deployments; each waits for what it needs.
        Step::WaitsForDatabase => plan.upgrade.task = Some(Task::install(&valid)),
        Step::Refused(why) => notes.push(format!("there is no migration Job: {why}")),
        _ => {}
    }
    plan.roll = true;
    let wanted = if options.generate_secrets {
        build::build(&valid, &found, &plan, now, fresh)
    } else {
        build::build(&valid, &found, &plan, now, &mut || VALUE.to_owned())
    };
    notes.extend(needed(&valid, &bundle));
    for (kind, path) in build::lacking(&valid, &found.apis) {
        notes.push(format!("{path} has no effect: there is no {kind} in the cluster"));
    }
    let mut objects = Vec::new();
    for object in wanted {
        if object.kind == Kind::Secret && !options.generate_secrets {
            if !bundle.secrets.contains_key(&object.name) {
                notes.push(how_to_make(&valid, &object.name, &object.json));
            }
            continue;
        }
        let mut json = object.json;
        without_digest(&mut json);
        objects.push(json);
    }
    Ok(Rendered { objects, notes })
}

/// One YAML document for each object.
///
/// # Errors
/// Never for objects from [`render`]; the writer could meet a value that YAML cannot hold.
pub fn to_yaml(objects: &[Value]) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string_multiple(objects)
}

fn bot(bundle: &Bundle) -> VitteBot {
    let metadata = &bundle.bot.metadata;
    VitteBot {
        api_version: vitte_crds::API_VERSION.to_owned(),
        kind: vitte_crds::KIND.to_owned(),
        metadata: ObjectMeta {
            name: Some(metadata.name.clone()),
            namespace: metadata.namespace.clone(),
            labels: Some(metadata.labels.clone()),
            annotations: Some(metadata.annotations.clone()),
            ..ObjectMeta::default()
        },
        spec: bundle.bot.spec.clone(),
        status: None,
    }
}

/// As if every Secret were there. ConfigMaps whose content goes into pods' configuration must be in the files; of those
/// that only pods read, nothing need be known.
fn offline(bundle: &Bundle, apis: &Apis) -> Found {
    let spec = &bundle.bot.spec;
    let name = &bundle.bot.metadata.name;
    let components = spec.components.each();
    let sources = || components.iter().flat_map(|(_, c)| &c.env).filter_map(|variable| variable.value_from.as_ref());
    let secrets = uses::secrets(spec)
        .into_iter()
        .map(|used| used.secret.name.clone())
        .chain(sources().filter_map(|from| Some(from.secret_key_ref.as_ref()?.name.clone())))
        .chain(
            [validate::database_secret(name, spec), validate::redis_secret(name, spec)]
                .into_iter()
                .flatten()
                .map(|key| key.name),
        );
    let mut config_maps: BTreeMap<String, BTreeMap<String, String>> = bundle.config_maps.clone();
    for key in sources().filter_map(|from| from.config_map_key_ref.as_ref()) {
        config_maps.entry(key.name.clone()).or_default().entry(key.key.clone()).or_default();
    }
    Found {
        secrets: secrets.map(|name| (name, SecretFound::Unseen)).collect(),
        config_maps: config_maps.into_iter().map(|(name, data)| (name, Some(data))).collect(),
        apis: apis.clone(),
        ..Found::default()
    }
}

fn refused(invalid: &Invalid) -> Refused {
    let missing = |missing: &Missing| format!("{missing}: add it as a document of the file, or name its file too");
    Refused(invalid.findings.iter().map(ToString::to_string).chain(invalid.missing.iter().map(missing)).collect())
}

/// The Secrets that pods name and the files do not hold, with their keys.
fn needed(valid: &Valid, bundle: &Bundle) -> Vec<String> {
    let generated = validate::generated_secrets(&valid.name, &valid.spec);
    let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for key in valid.inputs.values().chain([&valid.migrate]).flat_map(|inputs| inputs.secrets.values()) {
        let there = bundle.secrets.get(&key.name).is_some_and(|secret| secret.contains_key(&key.key));
        if !there && !generated.contains(&key.name) {
            keys.entry(&key.name).or_default().push(&key.key);
        }
    }
    let line = |(name, mut keys): (&str, Vec<&str>)| {
        keys.sort_unstable();
        keys.dedup();
        format!("Secret {name} has to hold: {}", keys.join(", "))
    };
    keys.into_iter().map(line).collect()
}

/// A Secret that the operator would make, as commands.
fn how_to_make(valid: &Valid, name: &str, secret: &Value) -> String {
    let namespace = match valid.namespace.as_str() {
        "" => String::new(),
        namespace => format!(" --namespace {namespace}"),
    };
    let data: BTreeMap<String, ByteString> =
        secret.get("data").and_then(|data| serde_json::from_value(data.clone()).ok()).unwrap_or_default();
    let literals =
        data.iter().map(|(key, value)| format!(" --from-literal={key}=\"{}\"", String::from_utf8_lossy(&value.0)));
    format!(
        "Secret {name} is not in the output, since it would change every time; make it once (or use --generate-secrets):\
         \n    value=$(openssl rand -hex 32); kubectl create secret generic {name}{namespace}{}",
        literals.collect::<String>()
    )
}

fn without_digest(object: &mut Value) {
    let Some(metadata) = object.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut) else { return };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    annotations.remove(ANNOTATION_SECRETS);
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSONAS: &str = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: personas}\ndata:\n  luna.yaml: \
        '{name: {ru: Луна, en: Luna}, description: A friend., firstMes: {ru: Привет!, en: Hi!}}'\n";

    fn manifest(more: &str) -> Source {
        let text = format!(
            "apiVersion: vitte.dev/v1alpha1\nkind: VitteBot\nmetadata: {{name: luna, namespace: bots}}\nspec:\n  \
             version: 0.1.0\n  telegram: {{tokenSecretRef: {{name: luna, key: token}}, webhook: {{host: a.example.org}}}}\n  \
             modules: {{companion: {{llm: {{baseUrl: 'https://llm.example.org', model: m}}, \
             personasConfigMapRef: {{name: personas}}}}}}\n{more}"
        );
        Source::new("bot.yaml", text)
    }

    fn rendered(more: &str, options: &Options) -> Rendered {
        let mut count = 0;
        let mut fresh = || {
            count += 1;
            format!("random-{count}")
        };
        render(&[manifest(more), Source::new("personas.yaml", PERSONAS)], options, &mut fresh).unwrap()
    }

    fn kinds(rendered: &Rendered) -> Vec<&str> {
        rendered.objects.iter().map(|object| object["kind"].as_str().unwrap()).collect()
    }

    const EMBEDDED: &str = "  database: {embedded: {storage: 1Gi}}\n  redis: {embedded: {memory: 64Mi}}\n";

    #[test]
    fn pods_and_their_migration_are_printed_without_what_only_a_cluster_knows() {
        let out = rendered(EMBEDDED, &Options::default());
        let kinds = kinds(&out);
        assert_eq!(kinds.iter().filter(|kind| **kind == "Deployment").count(), 3);
        assert!(kinds.iter().position(|kind| *kind == "Job") < kinds.iter().position(|kind| *kind == "Deployment"));
        let text = to_yaml(&out.objects).unwrap();
        for absent in ["ownerReferences", ANNOTATION_SECRETS, VALUE, "random-"] {
            assert!(!text.contains(absent), "{absent}");
        }
    }

    #[test]
    fn secrets_that_the_operator_makes_are_told_of_unless_they_are_asked_for() {
        let out = rendered(EMBEDDED, &Options::default());
        assert!(!kinds(&out).contains(&"Secret"));
        let notes = out.notes.join("\n");
        assert!(notes.contains("Secret luna has to hold: token"), "{notes}");
        let url = "--from-literal=url=\"postgres://vitte:$value@luna-postgres.bots.svc:5432/vitte\"";
        for told in ["luna-webhook --namespace bots --from-literal=current=\"$value\"", url] {
            assert!(notes.contains(told), "{told} in {notes}");
        }

        let out = rendered(EMBEDDED, &Options { generate_secrets: true, ..Options::default() });
        assert_eq!(kinds(&out).iter().filter(|kind| **kind == "Secret").count(), 3);
        assert_eq!(out.notes, ["Secret luna has to hold: token"]);
    }

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        let refused = render(&[manifest("")], &Options::default(), &mut String::new).unwrap_err().to_string();
        for told in ["spec.database", "ConfigMap personas"] {
            assert!(refused.contains(told), "{told} in {refused}");
        }
    }

    #[test]
    fn text_that_older_readers_of_yaml_take_for_something_else_is_quoted() {
        // kubectl reads YAML 1.1.
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "1",
            "1.0",
            "1e3",
            "0x1f",
            "017",
            "12:30:45",
            "null",
            "~",
            "true",
            ".5",
            "2026-01-01",
            "=",
            "<<",
            "- a",
            "a: b",
            "a #b",
            "",
            " a",
            "a\n",
            "@x",
            "%x",
            "!x",
            "&x",
            "*x",
        ] {
            let yaml = to_yaml(&[serde_json::json!({"text": text})]).unwrap();
            let plain = format!("text: {text}\n");
            assert_ne!(yaml, plain, "{text:?}");
            let map = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  {}",
                yaml.replace('\n', "\n  ")
            );
            let bundle = vitte_crds::load(&[
                manifest("  database: {embedded: {storage: 1Gi}}\n"),
                Source::new("p", PERSONAS),
                Source::new("map", map),
            ]);
            assert_eq!(bundle.unwrap().config_maps["x"]["text"], text);
        }
    }
}
