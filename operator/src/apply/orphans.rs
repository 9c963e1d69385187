//! Which of a bot's objects are no longer wanted, and may go (pure).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::names::{FIELD_MANAGER, LABEL_BOT, LABEL_MANAGED_BY};
use crate::objects::{Children, Kind, Live, Wanted};
use crate::plan::rolled_out;
use crate::upgrade::jobs::job_end;

/// Whose an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// To this bot, which owns it: it goes with the bot.
    Owned,
    /// To this bot by its labels, without an owner: kept beyond the bot's life, or about to get its owner back.
    Labelled,
    /// To a bot of the same name that is no more: the garbage collector is about to take it.
    Former,
    /// To somebody else.
    Foreign,
}

/// Whose `live` is, seen from the bot of this name and uid.
#[must_use]
pub fn belongs(live: &Value, bot: &str, uid: &str) -> Belongs {
    let owners = live.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(owner) = owners.into_iter().flatten().find(|o| o.get("controller") == Some(&Value::Bool(true))) {
        let is_bot = text(owner, "kind").as_deref() == Some(vitte_crds::KIND);
        return match text(owner, "uid") {
            Some(owner) if owner == uid => Belongs::Owned,
            _ if is_bot && text(owner, "name").as_deref() == Some(bot) => Belongs::Former,
            _ => Belongs::Foreign,
        };
    }
    let label = |name: &str| live.pointer("/metadata/labels").and_then(|labels| text(labels, name));
    let ours = label(LABEL_BOT).as_deref() == Some(bot) && label(LABEL_MANAGED_BY).as_deref() == Some(FIELD_MANAGER);
    if ours { Belongs::Labelled } else { Belongs::Foreign }
}

/// Whether an autoscaler of this kind writes a Deployment's `replicas`: it goes before a count is fixed.
#[must_use]
pub fn scales(kind: Kind) -> bool {
    matches!(kind, Kind::HorizontalPodAutoscaler | Kind::ScaledObject)
}

/// The objects that are to go, those first that others do not refer to.
///
/// What stays although nothing wants it: what is to be kept (`keep`); a claim; a Secret without an owner (an embedded
/// database's, kept on purpose); a Job at work, but for one that is to go (`drop`); what old pods or a rollout may still use (ConfigMaps, ended Jobs) until every Deployment is rolled out.
#[must_use]
pub fn orphans<'a>(
    children: &'a Children,
    wanted: &[Wanted],
    keep: &BTreeSet<(Kind, String)>,
    drop: &BTreeSet<String>,
    bot: &str,
    uid: &str,
) -> Vec<&'a Live> {
    let wanted = wanted.iter().map(|wanted| (wanted.kind, wanted.name.as_str()));
    let names: BTreeSet<(Kind, &str)> = wanted.chain(keep.iter().map(|(kind, name)| (*kind, name.as_str()))).collect();
    let settled = children.of(Kind::Deployment).all(rolled_out);
    let mut orphans: Vec<&Live> = children
        .iter()
        .filter(|live| !names.contains(&(live.kind, live.name.as_str())) && !live.is_being_deleted())
        .filter(|live| match belongs(&live.json, bot, uid) {
            Belongs::Owned => true,
            Belongs::Labelled => live.kind != Kind::Secret,
            Belongs::Former | Belongs::Foreign => false,
        })
        .filter(|live| match live.kind {
            // Data go with the bot, if they do, and never with a change of its spec.
            Kind::PersistentVolumeClaim => false,
            Kind::ConfigMap => settled,
            Kind::Job => (settled && job_end(live).is_some()) || drop.contains(&live.name),
            _ => true,
        })
        .collect();
    orphans.sort_by_key(|live| std::cmp::Reverse(live.kind));
    orphans
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::objects::Mode;

    const UID: &str = "bot-uid";

    fn live(kind: Kind, name: &str, owner: Option<&str>, rest: &Value) -> Live {
        let mut json =
            json!({"metadata": {"name": name, "labels": {LABEL_BOT: "luna", LABEL_MANAGED_BY: FIELD_MANAGER}}});
        if let Some(uid) = owner {
            json["metadata"]["ownerReferences"] =
                json!([{"kind": "VitteBot", "name": "luna", "uid": uid, "controller": true}]);
        }
        for (key, value) in rest.as_object().unwrap() {
            json[key] = value.clone();
        }
        Live { kind, name: name.to_owned(), json: Arc::new(json) }
    }

    fn names(children: Vec<Live>, wanted: &[(Kind, &str)]) -> Vec<String> {
        let wanted: Vec<Wanted> = wanted
            .iter()
            .map(|(kind, name)| Wanted { kind: *kind, name: (*name).to_owned(), json: json!({}), mode: Mode::Create })
            .collect();
        orphans(&children.into_iter().collect(), &wanted, &BTreeSet::new(), &BTreeSet::new(), "luna", UID)
            .iter()
            .map(|live| live.name.clone())
            .collect()
    }

    fn deployment(rolled_out: bool) -> Live {
        let updated = i64::from(rolled_out);
        live(
            Kind::Deployment,
            "d",
            Some(UID),
            &json!({"spec": {"replicas": 1},
            "status": {"updatedReplicas": updated, "replicas": updated, "availableReplicas": 1}}),
        )
    }

    #[test]
    fn what_is_not_wanted_goes_and_what_refers_to_others_goes_first() {
        let children = vec![
            live(Kind::Service, "s", Some(UID), &json!({})),
            live(Kind::Ingress, "i", Some(UID), &json!({})),
            live(Kind::ServiceAccount, "kept", Some(UID), &json!({})),
        ];
        assert_eq!(names(children, &[(Kind::ServiceAccount, "kept")]), ["i", "s"]);
    }

    #[test]
    fn nothing_of_anybody_else_goes() {
        let foreign = json!({"metadata": {"name": "f", "labels": {LABEL_BOT: "luna"}}});
        let other = json!({"metadata": {"name": "o", "labels": {LABEL_BOT: "luna", LABEL_MANAGED_BY: FIELD_MANAGER},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "luna", "uid": "x", "controller": true}]}});
        let keep = |name: &str, json: Value| Live { kind: Kind::Service, name: name.to_owned(), json: Arc::new(json) };
        let children =
            vec![keep("f", foreign), keep("o", other), live(Kind::Service, "former", Some("older"), &json!({}))];
        assert_eq!(names(children, &[]), Vec::<String>::new());
    }

    #[test]
    fn volumes_and_a_kept_secret_stay_and_an_owned_secret_goes() {
        let of = |owner| {
            vec![live(Kind::PersistentVolumeClaim, "p", owner, &json!({})), live(Kind::Secret, "s", owner, &json!({}))]
        };
        assert_eq!(names(of(None), &[]), Vec::<String>::new());
        assert_eq!(names(of(Some(UID)), &[]), ["s"]);
    }

    #[test]
    fn a_job_at_work_stays_and_an_ended_one_goes_once_all_is_rolled_out() {
        let ended = json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}});
        let of = |rolled_out| {
            vec![
                deployment(rolled_out),
                live(Kind::Job, "at-work", Some(UID), &json!({})),
                live(Kind::Job, "ended", Some(UID), &ended),
                live(Kind::ConfigMap, "old", Some(UID), &json!({})),
            ]
        };
        assert_eq!(names(of(false), &[(Kind::Deployment, "d")]), Vec::<String>::new());
        assert_eq!(names(of(true), &[(Kind::Deployment, "d")]), ["ended", "old"]);
    }

    #[test]
    fn what_is_to_be_kept_stays_though_nothing_wants_it() {
        let ended = json!({"status": {"conditions": [{"type": "Complete", "status": "True"}]}});
        let children: Children = vec![
            live(Kind::ConfigMap, "of-a-revision", Some(UID), &json!({})),
            live(Kind::ControllerRevision, "good", Some(UID), &json!({})),
            live(Kind::ControllerRevision, "old", Some(UID), &json!({})),
            live(Kind::Job, "record", Some(UID), &ended),
        ]
        .into_iter()
        .collect();
        let keep = [(Kind::ConfigMap, "of-a-revision"), (Kind::ControllerRevision, "good"), (Kind::Job, "record")];
        let keep = keep.map(|(kind, name)| (kind, name.to_owned())).into();
        let gone: Vec<_> = orphans(&children, &[], &keep, &BTreeSet::new(), "luna", UID)
            .iter()
            .map(|live| live.name.clone())
            .collect();
        assert_eq!(gone, ["old"]);
    }

    #[test]
    fn what_is_going_already_is_left_to_go() {
        let mut going = live(Kind::Service, "s", Some(UID), &json!({}));
        Arc::make_mut(&mut going.json)["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(names(vec![going], &[]), Vec::<String>::new());
    }

    #[test]
    fn a_job_at_work_goes_only_where_nothing_of_it_will_ever_run() {
        let at_work = |name: &str| live(Kind::Job, name, Some(UID), &json!({}));
        // In the middle of a rollout, too.
        let children = [at_work("stuck"), at_work("busy"), deployment(false)].into_iter().collect();
        let (keep, drop) = ([(Kind::Deployment, "d".to_owned())].into(), ["stuck".to_owned()].into());
        let gone = orphans(&children, &[], &keep, &drop, "luna", UID);
        assert_eq!(gone.iter().map(|live| live.name.as_str()).collect::<Vec<_>>(), ["stuck"]);
    }
}
