//! What every object carries: its name, labels, owner; and how pods are chosen by them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

use crate::names::{
    APP, FIELD_MANAGER, LABEL_BOT, LABEL_COMPONENT, LABEL_INSTANCE, LABEL_MANAGED_BY, LABEL_NAME, LABEL_PART_OF,
};
use crate::validate::Valid;

/// Labels of one part of a bot: a component, or `migrate`, `postgres`, `redis`, `monitoring`.
#[must_use]
pub fn labels(bot: &str, part: &str) -> BTreeMap<String, String> {
    let pairs = [
        (LABEL_NAME, APP),
        (LABEL_INSTANCE, bot),
        (LABEL_COMPONENT, part),
        (LABEL_MANAGED_BY, FIELD_MANAGER),
        (LABEL_PART_OF, APP),
        (LABEL_BOT, bot),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Metadata of an object that goes with the bot.
#[must_use]
pub fn owned(valid: &Valid, name: String, part: &str) -> ObjectMeta {
    ObjectMeta { owner_references: valid.owner.clone().map(|owner| vec![owner]), ..unowned(valid, name, part) }
}

/// Metadata of an object that outlives the bot.
#[must_use]
pub fn unowned(valid: &Valid, name: String, part: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        // `render` may not know it: then whoever applies the output says where.
        namespace: Some(valid.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        labels: Some(labels(&valid.name, part)),
        ..ObjectMeta::default()
    }
}

/// Chooses the pods of one part. Immutable in Deployments and StatefulSets: these two labels alone, for ever.
#[must_use]
pub fn selector(bot: &str, part: &str) -> LabelSelector {
    let pairs = [(LABEL_BOT, bot), (LABEL_COMPONENT, part)];
    LabelSelector {
        match_labels: Some(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()),
        match_expressions: None,
    }
}

/// Chooses everything of a bot that belongs to one of several parts.
#[must_use]
pub fn any_of(bot: &str, parts: impl IntoIterator<Item = impl ToString>) -> LabelSelector {
    LabelSelector {
        match_labels: Some(BTreeMap::from([(LABEL_BOT.to_owned(), bot.to_owned())])),
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: LABEL_COMPONENT.to_owned(),
            operator: "In".to_owned(),
            values: Some(parts.into_iter().map(|part| part.to_string()).collect()),
        }]),
    }
}
