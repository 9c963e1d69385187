//! Broken manifests, and the exact words that a person reads. Each row is one mistake; removing the check that finds
//! it makes its row fail.

use vitte_crds::{Source, load};

const GOOD: &str = r#"apiVersion: vitte.dev/v1alpha1
kind: VitteBot
metadata: {name: luna}
spec:
  version: 0.1.0
  telegram:
    tokenSecretRef: {name: luna, key: token}
    webhook: {host: luna.example.org}
  modules:
    habits: {}
"#;

fn problems(text: &str) -> Vec<String> {
    load(&[Source::new("bot.yaml", text)]).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// What is said about the good manifest after one text in it was replaced by another.
fn after(old: &str, new: &str) -> Vec<String> {
    assert!(GOOD.contains(old), "{old}");
    problems(&GOOD.replace(old, new))
}

/// What is said about the good manifest with more lines at its end, which is inside `spec`.
fn with(more: &str) -> Vec<String> {
    problems(&format!("{GOOD}{more}\n"))
}

#[test]
fn the_good_manifest_has_no_problem() {
    assert_eq!(problems(GOOD), Vec::<String>::new());
}

#[test]
fn a_wrong_field_is_told_with_line_path_and_what_is_allowed() {
    let hook = "webhook: {host: luna.example.org}";
    let table: &[(&str, &str, &str)] = &[
        (
            hook,
            "webhook: {host: luna.example.org, maxConnections: 400}",
            "bot.yaml:8 spec.telegram.webhook.maxConnections: 400 is too large; allowed: 1 to 100",
        ),
        (
            hook,
            "webhook: {host: luna.example.org, maxConnections: 0}",
            "bot.yaml:8 spec.telegram.webhook.maxConnections: 0 is too small; allowed: 1 to 100",
        ),
        (
            hook,
            "webhook: {host: luna.example.org, maxConnections: many}",
            "bot.yaml:8 spec.telegram.webhook.maxConnections: is a text; allowed: a whole number",
        ),
        (
            hook,
            "webhook: {host: luna.example.org, maxConnectoins: 4}",
            "bot.yaml:8 spec.telegram.webhook.maxConnectoins: unknown key; did you mean maxConnections?; allowed: \
             host, url, gatewayRef, path, ingressClassName, tlsSecretName, annotations, maxConnections",
        ),
        (
            hook,
            "webhook: {host: \"https://luna.example.org\"}",
            "bot.yaml:8 spec.telegram.webhook.host: \"https://luna.example.org\" has the wrong form; allowed: a host \
             name without scheme, port or path, like luna.example.org",
        ),
        (
            hook,
            "webhook: {host: luna.example.org}\n    updates: Poling",
            "bot.yaml:9 spec.telegram.updates: \"Poling\" is not known here; did you mean Polling?; allowed: Webhook, Polling",
        ),
        ("version: 0.1.0", "version: 0.1", "bot.yaml:5 spec.version: is a number; allowed: a text in quotes"),
        ("  version: 0.1.0\n", "", "bot.yaml:4 spec.version: is missing (The tag of the services' image)"),
        (
            "key: token}",
            "key: token}\n    tokenSecretRef: {name: a, key: b}",
            "bot.yaml:8 spec.telegram.tokenSecretRef: is here twice, first on line 7",
        ),
        ("v1alpha1", "v1", "bot.yaml:1 apiVersion: \"vitte.dev/v1\" is not known here; allowed: vitte.dev/v1alpha1"),
        (
            "kind: VitteBot",
            "kind: Vittebot",
            "bot.yaml:2 kind: \"Vittebot\" is not read here; did you mean VitteBot?; allowed: one VitteBot, and any number \
             of Secret and ConfigMap",
        ),
        (
            "name: luna}\nspec",
            "name: Luna}\nspec",
            "bot.yaml:3 metadata.name: \"Luna\" has the wrong form; allowed: lower-case letters, digits and \"-\", beginning \
             and ending with a letter or digit, like luna",
        ),
    ];
    for (old, new, said) in table {
        // A document that is no manifest leaves the file without one.
        let found = after(old, new);
        assert_eq!(found.first().map(String::as_str), Some(*said));
        assert!(found.len() == 1 || new.contains("Vittebot"), "{found:#?}");
    }
}

#[test]
fn fields_that_contradict_each_other_are_told_with_what_to_write() {
    let hook = "    webhook: {host: luna.example.org}\n";
    let table: &[(&str, &str, &str)] = &[
        (
            hook,
            "",
            "bot.yaml:6 spec.telegram: updates: Webhook needs to know where Telegram delivers: write webhook: {host: \
             bot.example.org}, or updates: Polling",
        ),
        (
            hook,
            "    webhook: {maxConnections: 4}\n",
            "bot.yaml:8 spec.telegram.webhook: says not where Telegram delivers: write host, url or gatewayRef",
        ),
        (
            hook,
            "    webhook: {url: \"http://luna.example.org/hook\"}\n",
            "bot.yaml:8 spec.telegram.webhook.url: Telegram delivers over https only: write https://, or name another \
             server in apiUrl",
        ),
        (
            hook,
            "    webhook: {url: \"https://luna.example.org:9443/hook\"}\n",
            "bot.yaml:8 spec.telegram.webhook.url: Telegram does not deliver to port 9443; allowed: 443, 80, 88, 8443",
        ),
        (
            hook,
            "    webhook: {host: luna.example.org, url: \"https://luna.example.org/hook\"}\n",
            "bot.yaml:8 spec.telegram.webhook.host: has no effect beside url, which is the whole address: write one of the two",
        ),
        (
            "    habits: {}",
            "    {}",
            "bot.yaml:9 spec.modules: needs at least one module, or the bot can do nothing; allowed: companion, habits",
        ),
        (
            "    habits: {}",
            "    repairs: {admins: [1], timezone: Europe/Moskow, currency: RUB}",
            "bot.yaml:10 spec.modules.repairs.timezone: there is no time zone \"Europe/Moskow\"; allowed: an IANA time \
             zone, like Europe/Moscow",
        ),
    ];
    for (old, new, said) in table {
        assert_eq!(after(old, new), [*said]);
    }
    let table: &[(&str, &str)] = &[
        ("  languages: []", "bot.yaml:11 spec.languages: is empty; allowed: 1 to 2 items"),
        ("  languages: [ru, ru]", "bot.yaml:11 spec.languages[1]: is in the list already"),
        ("  languages: [de]", "bot.yaml:11 spec.languages[0]: \"de\" is not known here; allowed: ru, en"),
        (
            "  database: {poolSize: 9}",
            "bot.yaml:11 spec.database: needs exactly one of urlSecretRef, embedded and cluster, and has none",
        ),
        (
            "  database: {embedded: {}, cluster: {name: pg}}",
            "bot.yaml:11 spec.database: needs exactly one of urlSecretRef, embedded and cluster, and has 2",
        ),
        (
            "  database: {embedded: {storage: lots}}",
            "bot.yaml:11 spec.database.embedded.storage: \"lots\" has the wrong form; allowed: a Kubernetes quantity, like \
             500m, 1, 512Mi or 5Gi",
        ),
        (
            "  components: {api: {replicas: 2, autoscaling: {maxReplicas: 3, targetCPUUtilizationPercentage: 70}}}",
            "bot.yaml:11 spec.components.api.replicas: contradicts autoscaling: write one of the two",
        ),
        (
            "  components: {api: {autoscaling: {minReplicas: 4, maxReplicas: 3, targetCPUUtilizationPercentage: 70}}}",
            "bot.yaml:11 spec.components.api.autoscaling.minReplicas: minReplicas 4 is above maxReplicas 3: write a smaller \
             or equal one",
        ),
        (
            "  components: {api: {autoscaling: {maxReplicas: 3, targetQueueLength: 7}}}",
            "bot.yaml:11 spec.components.api.autoscaling.targetQueueLength: only the worker has a queue: write \
             targetCPUUtilizationPercentage",
        ),
        (
            "  components: {worker: {autoscaling: {maxReplicas: 3}}}",
            "bot.yaml:11 spec.components.worker.autoscaling: has nothing to aim for: write targetCPUUtilizationPercentage or \
             targetQueueLength",
        ),
        (
            "  components: {bot: {resources: {requests: {memory: 1Gi}, limits: {memory: 512Mi}}}}",
            "bot.yaml:11 spec.components.bot.resources.requests.memory: requests 1Gi, more than the limit 512Mi: write 512Mi or less",
        ),
        (
            "  components: {bot: {env: [{name: A, value: x}, {name: A, value: y}]}}",
            "bot.yaml:11 spec.components.bot.env[1].name: A is set twice: keep one",
        ),
        (
            "  admin: {host: admin.example.org}",
            "bot.yaml:11 spec.admin.host: would open the administrators' pages to everybody: write passwordSecretRef: {name: \
             ..., key: ...}",
        ),
        (
            "  limits: {messagesPerMinute: 20, messagesPerHour: 10}",
            "bot.yaml:11 spec.limits.messagesPerMinute: 20 a minute can never be reached at 10 an hour: write 10 or less",
        ),
        (
            "  migrations: {backup: Required}",
            "bot.yaml:11 spec.migrations.backup: needs spec.backup, which says where backups go: write it, or migrations: \
             {backup: None}",
        ),
        (
            "  networkPolicy: {egressTo: [{cidr: 10.0.0.0/33}]}",
            "bot.yaml:11 spec.networkPolicy.egressTo[0].cidr: \"10.0.0.0/33\" is no address block; allowed: an address block, \
             like 10.0.0.0/8 or 2001:db8::/32",
        ),
    ];
    for (more, said) in table {
        assert_eq!(with(more), [*said]);
    }
}

#[test]
fn a_schedule_that_cron_does_not_know_is_refused() {
    let s3 = "s3: {bucket: luna, accessKeyIdSecretRef: {name: b, key: i}, secretAccessKeySecretRef: {name: b, key: k}}";
    let found = with(&format!("  backup: {{schedule: \"0 25 * * *\", {s3}}}"));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("bot.yaml:11 spec.backup.schedule: is no schedule: "), "{}", found[0]);
    assert_eq!(with(&format!("  backup: {{schedule: \"0 3 * * *\", {s3}}}")), Vec::<String>::new());
}

#[test]
fn polling_forbids_autoscaling_of_the_bot() {
    let polling = GOOD.replace("webhook: {host: luna.example.org}", "updates: Polling");
    let scaled = format!(
        "{polling}  components: {{bot: {{autoscaling: {{maxReplicas: 3, targetCPUUtilizationPercentage: 70}}}}}}\n"
    );
    assert_eq!(
        problems(&scaled),
        [
            "bot.yaml:11 spec.components.bot.autoscaling: only one pod polls at a time, so more of them take no load off: write \
          replicas: 2 for a quick takeover, or updates: Webhook"
        ]
    );
}

#[test]
fn all_errors_are_told_at_once_in_the_order_of_their_lines() {
    let broken = GOOD
        .replace("  version: 0.1.0\n", "")
        .replace("host: luna.example.org", "host: LUNA, maxConnections: 400")
        .replace("habits: {}", "habbits: {}")
        + "  limits: {messagesPerMinute: 20, messagesPerHour: 10}\n  admin: {host: admin.example.org}\n";
    let places: Vec<String> = load(&[Source::new("b", broken)]).unwrap_err().into_iter().map(|p| p.path).collect();
    assert_eq!(
        places,
        [
            "spec.version",
            "spec.telegram.webhook.host",
            "spec.telegram.webhook.maxConnections",
            "spec.modules.habbits",
            "spec.limits.messagesPerMinute",
            "spec.admin.host",
        ]
    );
}

#[test]
fn a_secret_in_the_manifest_is_refused_and_never_repeated() {
    let token = format!("{}:{}", 123_456_789, "A".repeat(35));
    let key = format!("sk-or-v1-{}", "0".repeat(40));
    let places = [
        ("tokenSecretRef: {name: luna, key: token}", format!("tokenSecretRef: \"{token}\"")),
        ("tokenSecretRef: {name: luna, key: token}", format!("tokenSecretRef: {{name: luna, key: \"{token}\"}}")),
        ("tokenSecretRef: {name: luna, key: token}", format!("token: \"{token}\"")),
        ("version: 0.1.0", format!("version: \"{token}\"")),
        ("{name: luna}", format!("{{name: luna, annotations: {{a: \"{key}\"}}}}")),
        ("{name: luna}", format!("{{name: luna, annotations: {{\"{token}\": a}}}}")),
        ("habits: {}", "habits: {}\n  database: {urlSecretRef: \"postgres://u:hunter2@db/x\"}".to_owned()),
        ("key: token}", "key: hunter2/hunter2}".to_owned()),
    ];
    for (old, new) in places {
        let found = after(old, &new);
        let all = found.join("\n");
        assert!(!found.is_empty(), "{new}");
        assert!(all.contains("Secret"), "{all}");
        for secret in [token.as_str(), key.as_str(), "hunter2"] {
            assert!(!all.contains(secret), "{all}");
        }
    }
}

#[test]
fn a_file_that_is_not_yaml_is_told_with_its_line() {
    let found = problems("apiVersion: v1\nkind: [VitteBot\nmetadata: {\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("this is not YAML") && found[0].starts_with("bot.yaml:"), "{}", found[0]);
}

#[test]
fn there_is_exactly_one_manifest_and_nothing_foreign() {
    assert_eq!(
        problems("# nothing\n"),
        ["bot.yaml: there is no VitteBot: begin a document with apiVersion: vitte.dev/v1alpha1 and kind: VitteBot"]
    );
    assert_eq!(
        problems(&format!("{GOOD}---\n{GOOD}")),
        ["bot.yaml:12 kind: there is more than one VitteBot: keep one, and put the other into a file of its own"]
    );
    assert_eq!(
        problems(&format!("{GOOD}---\nkind: Deployment\n")),
        [
            "bot.yaml:12 kind: \"Deployment\" is not read here; allowed: one VitteBot, and any number of Secret and ConfigMap"
        ]
    );
}

#[test]
fn a_text_that_would_grow_without_bound_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let row = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{row}]\n"));
    }
    let found = problems(&bomb);
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("the file grows too large by its aliases"), "{}", found[0]);
    let deep = "[".repeat(100) + &"]".repeat(100);
    assert_eq!(problems(&deep), ["bot.yaml:1: the file nests too deeply; allowed: 64 levels"]);
}

#[test]
fn an_alias_is_read_as_what_it_refers_to() {
    let text =
        GOOD.replace("{name: luna, key: token}", "&ref {name: luna, key: token}") + "  api: {jwtSecretRef: *ref}\n";
    let bot = load(&[Source::new("b", text)]).unwrap().bot;
    assert_eq!(bot.spec.api.jwt_secret_ref, Some(bot.spec.telegram.token_secret_ref));
}

/// A hostile file of some megabytes is answered as fast as a short one; the list of problems stays readable.
#[test]
fn a_million_mistakes_give_a_hundred_problems() {
    let token = format!("{}:{}", 123_456_789, "A".repeat(35));
    let unknown: String = (0..50_000).map(|n| format!("  x{n}: \"{token}\"\n")).collect();
    assert_eq!(with(&unknown).len(), 100);
    let twice = "  version: a\n".repeat(50_000);
    assert_eq!(with(&twice).len(), 100);
    let documents = format!("---\n{}", "kind: Secret\n---\n".repeat(5_000));
    assert_eq!(with(&documents).len(), 100);
}
