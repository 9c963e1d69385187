//! What to do about a condition that is not as it should be. One fault has one advice: where the operator has stopped, only
//! what it waits for is told, and nothing of what would follow.

use vitte_crds::status::{Condition, ConditionStatus, ConditionType};

/// A bot, as a command names it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    pub name: &'a str,
    pub namespace: Option<&'a str>,
}

impl Named<'_> {
    /// `kubectl vitte logs luna -n bots`
    fn command(self, verb: &str) -> String {
        format!("kubectl vitte {verb} {}{}", self.name, self.place())
    }

    fn place(self) -> String {
        self.namespace.map(|namespace| format!(" -n {namespace}")).unwrap_or_default()
    }

    /// How a person asks for one more try.
    fn retry(self) -> String {
        format!(
            "{} (the same: kubectl annotate vb {}{} --overwrite vitte.dev/retry-migration=$(date +%s))",
            self.command("retry"),
            self.name,
            self.place()
        )
    }
}

/// What to do about one of `all` conditions; `None`: it is as it should be, or another one's advice is what counts.
#[must_use]
pub fn advice(bot: Named<'_>, all: &[Condition], condition: &Condition) -> Option<String> {
    let kind = ConditionType::ALL.into_iter().find(|kind| kind.as_str() == condition.type_)?;
    let troubles = match kind {
        ConditionType::Stalled => condition.status == ConditionStatus::True,
        ConditionType::Ready | ConditionType::Reconciling | ConditionType::Paused => false,
        _ => condition.status != ConditionStatus::True,
    };
    if !troubles {
        return None;
    }
    let find = |kind: ConditionType| all.iter().find(|condition| condition.type_ == kind.as_str());
    let is_stalled = find(ConditionType::Stalled).is_some_and(|stalled| stalled.status == ConditionStatus::True);
    let waits_for_a_person = find(ConditionType::Upgraded).is_some_and(|upgraded| upgraded.reason == "Stuck");
    let reason = condition.reason.as_str();
    match kind {
        ConditionType::SecretsReady => Some(
            "create what the message names, or add the key; the operator goes on by itself within a minute".to_owned(),
        ),
        ConditionType::Migrated => migrated(bot, reason, is_stalled),
        ConditionType::Upgraded => upgraded(bot, reason, is_stalled),
        ConditionType::WebhookRegistered => webhook(bot, reason),
        ConditionType::Stalled => Some(stalled(bot, reason, waits_for_a_person)),
        ConditionType::BackupHealthy => Some("make backups by other means until a version makes them".to_owned()),
        ConditionType::Ready | ConditionType::Reconciling | ConditionType::Paused => None,
    }
}

fn mend_and_retry(bot: Named<'_>) -> String {
    format!("mend what the message says, then: {}", bot.retry())
}

fn migrated(bot: Named<'_>, reason: &str, is_stalled: bool) -> Option<String> {
    match reason {
        "Failed" => Some(mend_and_retry(bot)),
        "Refused" => Some("write what the message asks for".to_owned()),
        // It comes when the bot wakes, or when what stopped before it is mended.
        "Postponed" => None,
        _ if is_stalled => None,
        _ => Some("wait: the migration comes before the pods".to_owned()),
    }
}

fn upgraded(bot: Named<'_>, reason: &str, is_stalled: bool) -> Option<String> {
    match reason {
        "Hibernated" => None,
        _ if is_stalled => None,
        "ContractFailed" => Some(format!("nothing is broken; {}", mend_and_retry(bot))),
        "Late" => Some(format!(
            "find out what old and new pods lack alike, such as the database: {}; what served before comes back with: {}",
            bot.command("logs"),
            bot.command("rollback")
        )),
        _ => Some(format!(
            "wait, and see each step: {} --watch; what serves stays with: {}",
            bot.command("status"),
            bot.command("rollback")
        )),
    }
}

fn webhook(bot: Named<'_>, reason: &str) -> Option<String> {
    Some(match reason {
        "TelegramSilent" => {
            "look whether the operator may reach spec.telegram.apiUrl, and whether the token is right".to_owned()
        }
        "Elsewhere" => "find who else uses the token, or give this bot one of its own (@BotFather)".to_owned(),
        "InTheWay" => {
            "wait a minute; if it stays, find who else uses the token, or give this bot one of its own (@BotFather)"
                .to_owned()
        }
        "DeliveryFails" => {
            "look at the way from outside to the bot: its certificate, the Ingress or Gateway, the host's \
                            address"
                .to_owned()
        }
        "AddressUnknown" | "Hibernated" | "NotAsked" => return None,
        _ => format!("read the bot's log: {} bot", bot.command("logs")),
    })
}

fn stalled(bot: Named<'_>, reason: &str, waits_for_a_person: bool) -> String {
    match reason {
        "MigrationFailed" | "PreflightFailed" | "ContractFailed" => mend_and_retry(bot),
        "MigrationRefused" => "write what the message asks for".to_owned(),
        "RolledBack" => {
            format!("find out why its pods were not ready, then change the spec, or try once more: {}", bot.retry())
        }
        "SpecInvalid" => "mend the spec as the message says".to_owned(),
        "Stuck" if waits_for_a_person => format!(
            "look at the pods: {}; then change the spec, or let what served before serve again: {}",
            bot.command("logs"),
            bot.command("rollback")
        ),
        "Stuck" => format!("look at the pods: {} and {}", bot.command("status"), bot.command("logs")),
        "ApplyRefused" => "the API server's message says which field it refuses".to_owned(),
        _ => "see the message".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUNA: Named<'static> = Named { name: "luna", namespace: Some("bots") };

    fn condition(kind: ConditionType, status: ConditionStatus, reason: &str) -> Condition {
        Condition {
            type_: kind.as_str().to_owned(),
            status,
            observed_generation: Some(1),
            last_transition_time: "2026-01-01T12:00:00Z".to_owned(),
            reason: reason.to_owned(),
            message: String::new(),
        }
    }

    /// Whether it is stalled and why, then other conditions that are false: what is advised, each with its condition.
    fn advised(stalled: Option<&str>, others: &[(ConditionType, &str)]) -> Vec<(String, String)> {
        let status = if stalled.is_some() { ConditionStatus::True } else { ConditionStatus::False };
        let mut all = vec![condition(ConditionType::Stalled, status, stalled.unwrap_or("Fine"))];
        all.extend(others.iter().map(|(kind, reason)| condition(*kind, ConditionStatus::False, reason)));
        all.iter().filter_map(|one| Some((one.type_.clone(), advice(LUNA, &all, one)?))).collect()
    }

    #[test]
    fn an_upgrade_that_stopped_is_to_be_mended_and_not_waited_for() {
        for (stop, migrated) in
            [("PreflightFailed", "Due"), ("ContractFailed", "Due"), ("MigrationRefused", "Postponed")]
        {
            let told = advised(Some(stop), &[(ConditionType::Upgraded, stop), (ConditionType::Migrated, migrated)]);
            assert_eq!(told.len(), 1, "{stop}: {told:?}");
            assert_eq!(told[0].0, "Stalled");
        }
    }

    #[test]
    fn what_is_on_its_way_is_waited_for_and_a_bot_asleep_needs_nothing() {
        let told = advised(None, &[(ConditionType::Upgraded, "Preflight"), (ConditionType::Migrated, "Due")]);
        assert!(told[0].1.contains("kubectl vitte status luna -n bots --watch"), "{told:?}");
        assert!(told[1].1.starts_with("wait"), "{told:?}");
        let asleep = [(ConditionType::Upgraded, "Hibernated"), (ConditionType::Migrated, "Postponed")];
        assert_eq!(advised(None, &asleep), []);
    }

    #[test]
    fn every_stop_names_the_command_with_its_namespace() {
        let table = [
            ("MigrationFailed", "kubectl vitte retry luna -n bots"),
            ("RolledBack", "kubectl vitte retry luna -n bots"),
            ("Stuck", "kubectl vitte logs luna -n bots"),
        ];
        for (reason, command) in table {
            let told = advised(Some(reason), &[]);
            assert!(told[0].1.contains(command), "{told:?}");
        }
        let manual = advised(Some("Stuck"), &[(ConditionType::Upgraded, "Stuck")]);
        assert!(manual[0].1.contains("kubectl vitte rollback luna -n bots"), "{manual:?}");
        let late = advised(None, &[(ConditionType::Upgraded, "Late")]);
        assert!(late[0].1.contains("kubectl vitte rollback luna -n bots"), "{late:?}");
    }

    #[test]
    fn what_is_missing_may_be_another_thing_than_a_secret() {
        let told = advised(None, &[(ConditionType::SecretsReady, "Missing")]);
        assert!(told[0].1.starts_with("create what the message names"), "{told:?}");
    }
}
