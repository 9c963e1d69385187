//! The modules of a bot, in the order of the manifest; accounts is made last, since it speaks for the others.

use std::sync::Arc;

use vitte_accounts::Accounts;
use vitte_companion::{Companion, CompanionSettings};
use vitte_crds::uses::Role;
use vitte_crds::{Bundle, rules};
use vitte_habits::Habits;
use vitte_platform::cache::{Cache, USER};
use vitte_platform::config::Config;
use vitte_platform::module::{Module, Registry};
use vitte_platform::people::People;
use vitte_platform::redis::Redis;
use vitte_platform::telegram::client::bot_id;
use vitte_platform::users::User;

use crate::{Refused, settings};

/// Makes every enabled module from its section of the manifest, with what these roles read of it and no more: a pod is
/// given nothing else. `model_url`: where the model is simulated.
pub fn registry(
    bundle: &Bundle,
    config: &Config,
    roles: &[Role],
    model_url: Option<&str>,
) -> Result<Registry, Refused> {
    use vitte_crds::ExposeSecret;
    let sections = &bundle.bot.spec.modules;
    let unserved = rules::check_served(&bundle.bot.spec);
    if !unserved.is_empty() {
        return Err(Refused(unserved.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
    }
    let redis = config.redis_url.as_deref().map(Redis::new).transpose().map_err(refused)?;
    let bot = bot_id(config.token.expose_secret()).unwrap_or_default();
    let users: Cache<User> = Cache::new(bot, USER, redis);

    let people = People::new(users.clone());
    let mut modules: Vec<Arc<dyn Module>> = Vec::new();
    if let Some(section) = &sections.companion {
        modules.push(Arc::new(companion(bundle, section, config, roles, users.clone(), model_url)?));
    }
    if let Some(section) = &sections.habits {
        modules.push(Arc::new(Habits::from_manifest(section, &config.languages, &people).map_err(refused)?));
    }
    people.followed_by(modules.iter().filter_map(|module| module.follow()));
    modules.insert(0, Arc::new(Accounts::new(users, people, &modules)));
    Ok(Registry::new(modules))
}

fn refused(error: impl std::fmt::Display) -> Refused {
    Refused(error.to_string())
}

fn companion(
    bundle: &Bundle,
    section: &vitte_crds::companion::Companion,
    config: &Config,
    roles: &[Role],
    users: Cache<User>,
    model_url: Option<&str>,
) -> Result<Companion, Refused> {
    let answers = roles.contains(&Role::Worker);
    // The administrators' desk replays updates, as the bot takes them.
    if !answers && !roles.contains(&Role::Bot) && !roles.contains(&Role::Admin) {
        return Ok(Companion::without_persona());
    }
    let path = "spec.modules.companion.llm.apiKeySecretRef";
    let mut llm = section.llm.clone();
    let key = match model_url {
        Some(url) => {
            url.clone_into(&mut llm.base_url);
            Some("simulated".to_owned().into())
        }
        // Only the worker calls the model.
        None if !answers => None,
        None => settings::optional_secret(bundle, llm.api_key_secret_ref.as_ref(), path)?,
    };
    let name = &section.personas_config_map_ref.name;
    let personas = bundle
        .personas(&section.personas_config_map_ref)
        .ok_or_else(|| {
            Refused(format!(
                "spec.modules.companion.personasConfigMapRef names ConfigMap {name:?}, which is not there; \
                 add it as a document of the manifest's file or of --secrets FILE"
            ))
        })?
        .map_err(|problems| Refused(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let known = || personas.iter().map(|p| p.id.as_str()).collect::<Vec<_>>().join(", ");
    let persona = match &section.default_persona {
        Some(id) => personas.iter().find(|p| p.id == *id).cloned().ok_or_else(|| {
            Refused(format!("spec.modules.companion.defaultPersona: {id:?} is not in {name:?}; allowed: {}", known()))
        })?,
        None => personas
            .first()
            .cloned()
            .ok_or_else(|| Refused(format!("ConfigMap {name:?} has no persona; add at least one")))?,
    };
    let settings = CompanionSettings::from_manifest(&llm, key);
    Companion::new(settings, persona, config.languages.clone(), users).map_err(refused)
}
