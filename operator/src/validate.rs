//! Phase 2 (pure): a typed, complete, checked bot, or everything that is wrong at once.
//!
//! The API server has held the spec against its schema and CEL already; what those cannot say is checked here, together
//! with what only the cluster knows: whether the keys and ConfigMaps that the spec names are there.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use sha2::{Digest, Sha256};
use vitte_crds::telegram::Updates;
use vitte_crds::uses::{self, Role};
use vitte_crds::{ConfigMapKeyRef, Finding, SecretKeyRef, Spec, env_name, rules};

use crate::dereference::{Found, SecretFound};
use crate::names::{ANNOTATION_RETRY, ANNOTATION_ROLLBACK, ANNOTATION_ROTATE, Component, child};
use crate::resource::VitteBot;

/// Secrets that the operator makes.
pub const WEBHOOK_SECRET: &str = "webhook";
pub const POSTGRES_SECRET: &str = "postgres";
pub const REDIS_SECRET: &str = "redis";

/// What one component's pods are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Environment variables filled from Secrets, sorted by name, each name once.
    pub secrets: BTreeMap<String, SecretKeyRef>,
    /// ConfigMaps whose content goes into the configuration file.
    pub config_maps: Vec<String>,
    /// Digest of every value that comes from a Secret or, by a variable of `components.*.env`, from a ConfigMap; `None`
    /// where nobody looked (`render`).
    pub digest: Option<String>,
}

/// Where updates are to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTarget {
    /// The whole public address; `None` with a Gateway that alone knows its host: then nobody registers it.
    pub url: Option<String>,
    pub path: String,
}

/// A bot with everything that building needs.
#[derive(Clone, Debug)]
pub struct Valid {
    pub name: String,
    pub namespace: String,
    /// Of the VitteBot; `None` in `render`.
    pub owner: Option<OwnerReference>,
    pub spec: Spec,
    /// `repository:version`.
    pub image: String,
    /// One entry for each component that runs.
    pub inputs: BTreeMap<Component, Inputs>,
    /// What the migration Job is given.
    pub migrate: Inputs,
    /// Contents of the ConfigMaps that the spec names.
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
    /// `None` when the bot polls.
    pub webhook: Option<WebhookTarget>,
    /// The value of the retry annotation: part of the migration Job's name.
    pub retry: Option<String>,
    /// The value of the rotation annotation.
    pub rotate: Option<String>,
    /// The value of the rollback annotation.
    pub rollback_to: Option<String>,
    /// The ConfigMaps of a revision that serves again. Empty: they are named by what the spec says now.
    pub config_names: BTreeMap<Component, String>,
}

/// A key of a Secret or ConfigMap that is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// `Secret` or `ConfigMap`.
    pub kind: &'static str,
    pub name: String,
    /// `None`: the whole object is not there, and any of its keys would do.
    pub key: Option<String>,
    /// Where the spec names it.
    pub path: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, name, key, path } = self;
        match key {
            Some(key) => write!(f, "{kind} {name} has no key {key} ({path})"),
            None => write!(f, "there is no {kind} {name} ({path})"),
        }
    }
}

/// Why nothing can be built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invalid {
    /// The spec contradicts itself, or names what cannot be.
    pub findings: Vec<Finding>,
    /// What is still to come.
    pub missing: Vec<Missing>,
}

/// A typed, complete, checked bot.
///
/// # Errors
/// Everything that is wrong, and everything that is missing.
pub fn validate(bot: &VitteBot, found: &Found) -> Result<Valid, Invalid> {
    let mut check = Check { found, name: bot.name(), spec: &bot.spec, invalid: Invalid::default() };
    check.rules();
    let inputs = components(&bot.spec).map(|component| (component, check.inputs(component))).collect();
    let migrate = check.migrate();
    let config_maps = check.config_maps();
    check.invalid.missing.sort();
    check.invalid.missing.dedup();
    if check.invalid != Invalid::default() {
        return Err(check.invalid);
    }
    let spec = bot.spec.clone();
    Ok(Valid {
        name: bot.name().to_owned(),
        namespace: bot.namespace().to_owned(),
        owner: bot.owner_reference(),
        image: image(&spec),
        inputs,
        migrate,
        config_maps,
        webhook: webhook(&spec),
        retry: bot.annotation(ANNOTATION_RETRY).map(str::to_owned),
        rotate: bot.annotation(ANNOTATION_ROTATE).map(str::to_owned),
        rollback_to: bot.annotation(ANNOTATION_ROLLBACK).map(str::to_owned),
        config_names: BTreeMap::new(),
        spec,
    })
}

/// A revision that served, with the values that its Secrets have now. `None`: one of them is gone.
#[must_use]
pub fn revived(
    now: &Valid,
    spec: Spec,
    image: &str,
    config_names: &BTreeMap<Component, String>,
    found: &Found,
) -> Option<Valid> {
    let mut check = Check { found, name: &now.name, spec: &spec, invalid: Invalid::default() };
    let inputs: BTreeMap<_, _> = components(&spec).map(|component| (component, check.inputs(component))).collect();
    let migrate = check.migrate();
    // It was checked when it came, perhaps by other rules: all that it may lack now is what its pods read.
    let whole = check.invalid.missing.is_empty() && inputs.keys().all(|c| config_names.contains_key(c));
    whole.then(|| Valid {
        image: image.to_owned(),
        inputs,
        migrate,
        config_maps: BTreeMap::new(),
        webhook: webhook(&spec),
        config_names: config_names.clone(),
        spec,
        ..now.clone()
    })
}

/// `repository:version`.
#[must_use]
pub fn image(spec: &Spec) -> String {
    format!("{}:{}", spec.image.repository, spec.version)
}

/// The components that run: no administrators' pages without a password, since pods are reached by others.
pub fn components(spec: &Spec) -> impl Iterator<Item = Component> + use<> {
    let admin = spec.admin.password_secret_ref.is_some();
    Component::ALL.into_iter().filter(move |component| *component != Component::Admin || admin)
}

/// The public address of the webhook, as the bot registers it and the operator expects it at Telegram.
#[must_use]
pub fn webhook(spec: &Spec) -> Option<WebhookTarget> {
    if spec.telegram.updates == Updates::Polling {
        return None;
    }
    let path = spec.telegram.webhook_path().to_owned();
    let hook = spec.telegram.webhook.as_ref()?;
    let url = hook.url.clone().or_else(|| hook.host.as_ref().map(|host| format!("https://{host}{path}")));
    Some(WebhookTarget { url, path })
}

/// The key that holds the database's address, whatever it comes from.
#[must_use]
pub fn database_secret(name: &str, spec: &Spec) -> Option<SecretKeyRef> {
    let database = spec.database.as_ref()?;
    let key = |name: String, key: &str| SecretKeyRef { name, key: key.to_owned() };
    match (&database.url_secret_ref, &database.embedded, &database.cluster) {
        (Some(given), ..) => Some(given.clone()),
        (_, Some(_), _) => Some(key(child(name, POSTGRES_SECRET), "url")),
        // CloudNativePG's own Secret for the application.
        (.., Some(cluster)) => Some(key(format!("{}-app", cluster.name), "uri")),
        _ => None,
    }
}

/// The key that holds Redis' address; `None`: the bot has no Redis.
#[must_use]
pub fn redis_secret(name: &str, spec: &Spec) -> Option<SecretKeyRef> {
    let redis = spec.redis.as_ref()?;
    let embedded = redis.embedded.as_ref();
    let generated = || SecretKeyRef { name: child(name, REDIS_SECRET), key: "url".to_owned() };
    redis.url_secret_ref.clone().or_else(|| embedded.map(|_| generated()))
}

/// The Secrets that the operator makes for this bot.
#[must_use]
pub fn generated_secrets(name: &str, spec: &Spec) -> Vec<String> {
    let postgres = spec.database.as_ref().is_some_and(|d| d.embedded.is_some());
    let redis = spec.redis.as_ref().is_some_and(|r| r.embedded.is_some());
    let wanted = [(webhook(spec).is_some(), WEBHOOK_SECRET), (postgres, POSTGRES_SECRET), (redis, REDIS_SECRET)];
    wanted.into_iter().filter(|(is, _)| *is).map(|(_, part)| child(name, part)).collect()
}

fn role(component: Component) -> Role {
    match component {
        Component::Bot => Role::Bot,
        Component::Api => Role::Api,
        Component::Worker => Role::Worker,
        Component::Admin => Role::Admin,
    }
}

struct Check<'a> {
    found: &'a Found,
    name: &'a str,
    spec: &'a Spec,
    invalid: Invalid,
}

impl Check<'_> {
    fn rules(&mut self) {
        self.invalid.findings = rules::check_for_cluster(self.spec);
        self.invalid.findings.extend(rules::check_name_for_cluster(self.name));
        let mut say = |path: &str, message: &str| self.invalid.findings.push(Finding::new(path, message));
        for name in generated_secrets(self.name, self.spec) {
            if matches!(self.found.secrets.get(&name), Some(SecretFound::Keys(_)))
                && !self.found.generated.contains_key(&name)
            {
                let message = format!(
                    "the operator keeps what it makes in Secret {name}, but there is one already that it did not make: \
                     rename or delete that one"
                );
                say("metadata.name", &message);
            }
        }
        let embedded = self.spec.database.as_ref().and_then(|d| d.embedded.as_ref());
        let secret = child(self.name, POSTGRES_SECRET);
        if embedded.is_some() && self.found.claims.contains(&secret) && !self.found.generated.contains_key(&secret) {
            let message = format!(
                "the volume {secret} holds data of a former database, but its password is gone with Secret {secret}: \
                 bring the Secret back (keys password and url), or delete the claim to begin anew"
            );
            say("spec.database.embedded", &message);
        }
    }

    /// With a digest too: another database behind the same key needs a migration of its own.
    fn migrate(&mut self) -> Inputs {
        let mut inputs = self.role_inputs(Role::Migrate);
        let mut digest = Sha256::new();
        let mut seen = true;
        for (variable, secret) in &inputs.secrets {
            seen &= self.digest(variable, secret, &mut digest);
        }
        inputs.digest = seen.then(|| hex::encode(&digest.finalize()[..8]));
        inputs
    }

    fn inputs(&mut self, component: Component) -> Inputs {
        let mut inputs = self.role_inputs(role(component));
        if component == Component::Bot && webhook(self.spec).is_some() {
            let name = child(self.name, WEBHOOK_SECRET);
            let mut give = |variable: &str, key: &str| {
                inputs.secrets.insert(variable.to_owned(), SecretKeyRef { name: name.clone(), key: key.to_owned() });
            };
            give("VITTE_WEBHOOK_SECRET", "current");
            if self.found.generated.get(&name).is_some_and(|secret| secret.data.contains_key("previous")) {
                give("VITTE_WEBHOOK_SECRET_PREVIOUS", "previous");
            }
        }
        let mut digest = Sha256::new();
        let mut seen = true;
        for (variable, secret) in &inputs.secrets {
            seen &= self.digest(variable, secret, &mut digest);
        }
        let path = format!("spec.components.{component}.env");
        let component = self.spec.components.each().into_iter().find(|(name, _)| *name == component.as_str());
        for (index, variable) in component.iter().flat_map(|(_, c)| c.env.iter().enumerate()) {
            if inputs.secrets.contains_key(&variable.name) {
                let message = format!("{} is set by the operator: choose another name", variable.name);
                self.invalid.findings.push(Finding::new(format!("{path}[{index}].name"), message));
            }
            let Some(from) = &variable.value_from else { continue };
            let path = format!("{path}[{index}].valueFrom");
            if let Some(secret) = &from.secret_key_ref {
                self.require(secret, &format!("{path}.secretKeyRef"));
                seen &= self.digest(&variable.name, secret, &mut digest);
            }
            if let Some(key) = &from.config_map_key_ref {
                self.config_map_key(key, &format!("{path}.configMapKeyRef"), &mut digest);
            }
        }
        inputs.digest = seen.then(|| hex::encode(&digest.finalize()[..8]));
        inputs
    }

    /// What the table in `crds` says that a role reads, by the variables under which pods look for it.
    fn role_inputs(&mut self, role: Role) -> Inputs {
        let mut inputs = Inputs::default();
        for used in uses::secrets(self.spec).into_iter().filter(|used| used.roles.contains(&role)) {
            if used.path == "spec.database.urlSecretRef" || used.path == "spec.redis.urlSecretRef" {
                continue;
            }
            self.require(used.secret, used.path);
            let variable = env_name(&used.secret.name, &used.secret.key);
            if let Some(other) = inputs.secrets.insert(variable.clone(), used.secret.clone())
                && other != *used.secret
            {
                let message = format!(
                    "key {} of Secret {} and key {} of Secret {} are both given to pods as {variable}: rename one",
                    used.secret.key, used.secret.name, other.key, other.name
                );
                self.invalid.findings.push(Finding::new(used.path, message));
            }
        }
        let cluster = self.spec.database.as_ref().is_some_and(|d| d.cluster.is_some());
        let database = if cluster { "spec.database.cluster" } else { "spec.database.urlSecretRef" };
        let redis = redis_secret(self.name, self.spec).filter(|_| role != Role::Migrate);
        let stores = [
            ("VITTE_DATABASE_URL", database_secret(self.name, self.spec), database),
            ("VITTE_REDIS_URL", redis, "spec.redis.urlSecretRef"),
        ];
        for (variable, secret, path) in stores {
            let Some(secret) = secret else { continue };
            self.require(&secret, path);
            inputs.secrets.insert(variable.to_owned(), secret);
        }
        for used in uses::config_maps(self.spec).into_iter().filter(|used| used.roles.contains(&role)) {
            inputs.config_maps.push(used.name.to_owned());
        }
        inputs.config_maps.sort();
        inputs.config_maps.dedup();
        inputs
    }

    /// What the operator makes itself is never missing.
    fn is_generated(&self, secret: &str) -> bool {
        generated_secrets(self.name, self.spec).iter().any(|name| name == secret)
    }

    fn require(&mut self, secret: &SecretKeyRef, path: &str) {
        if self.is_generated(&secret.name) {
            return;
        }
        let missing = |key| Missing { kind: "Secret", name: secret.name.clone(), key, path: path.to_owned() };
        match self.found.secrets.get(&secret.name) {
            Some(SecretFound::Unseen) => {}
            Some(SecretFound::Keys(keys)) if keys.contains_key(&secret.key) => {}
            Some(SecretFound::Keys(_)) => self.invalid.missing.push(missing(Some(secret.key.clone()))),
            Some(SecretFound::Missing) | None => self.invalid.missing.push(missing(None)),
        }
    }

    /// Adds one value's digest; `false`: nobody looked.
    fn digest(&self, variable: &str, secret: &SecretKeyRef, into: &mut Sha256) -> bool {
        let value = match self.found.secrets.get(&secret.name) {
            Some(SecretFound::Unseen) => return false,
            Some(SecretFound::Keys(keys)) => keys.get(&secret.key).map(String::as_str).unwrap_or_default(),
            Some(SecretFound::Missing) | None => "",
        };
        into.update(format!("{variable}\0{value}\0"));
        true
    }

    fn config_map_key(&mut self, key: &ConfigMapKeyRef, path: &str, into: &mut Sha256) {
        let missing =
            |missing| Missing { kind: "ConfigMap", name: key.name.clone(), key: missing, path: path.to_owned() };
        match self.found.config_maps.get(&key.name) {
            Some(Some(data)) => match data.get(&key.key) {
                Some(value) => into.update(format!("{}\0{}\0{value}\0", key.name, key.key)),
                None => self.invalid.missing.push(missing(Some(key.key.clone()))),
            },
            Some(None) | None => self.invalid.missing.push(missing(None)),
        }
    }

    fn config_maps(&mut self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut contents = BTreeMap::new();
        for used in uses::config_maps(self.spec) {
            match self.found.config_maps.get(used.name) {
                Some(Some(data)) => {
                    contents.insert(used.name.to_owned(), data.clone());
                }
                Some(None) | None => self.invalid.missing.push(Missing {
                    kind: "ConfigMap",
                    name: used.name.to_owned(),
                    key: None,
                    path: used.path.to_owned(),
                }),
            }
        }
        self.personas(&contents);
        contents
    }

    /// Personas that no pod could read would be found out by pods that do not start.
    fn personas(&mut self, contents: &BTreeMap<String, BTreeMap<String, String>>) {
        let Some(companion) = &self.spec.modules.companion else { return };
        let name = &companion.personas_config_map_ref.name;
        let Some(files) = contents.get(name) else { return };
        let path = "spec.modules.companion.personasConfigMapRef";
        match vitte_crds::persona::Personas::parse(&format!("ConfigMap {name}"), files) {
            Err(problems) => {
                self.invalid.findings.extend(problems.iter().map(|p| Finding::new(path, p.to_string())));
            }
            Ok(personas) => {
                let ids: Vec<&str> = personas.iter().map(|persona| persona.id.as_str()).collect();
                if ids.is_empty() {
                    let message = format!("ConfigMap {name} has no persona: add at least one");
                    self.invalid.findings.push(Finding::new(path, message));
                } else if let Some(wanted) = &companion.default_persona
                    && !ids.contains(&wanted.as_str())
                {
                    let finding = Finding::new(
                        "spec.modules.companion.defaultPersona",
                        format!("ConfigMap {name} has no persona {wanted}"),
                    );
                    self.invalid.findings.push(finding.allowed(ids.join(", ")));
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
