//! What stands in an upgrade's way is named, and goes no further than it must.

use kube::api::DeleteParams;
use serde_json::{Value, json};
use vitte_operator::names::{ANNOTATION_RETRY, ANNOTATION_ROLLBACK};
use vitte_operator::objects::Kind;

use crate::harness::history::{History, deadlines_pass};
use crate::harness::kubelet::Fate;
use crate::harness::manifests::{luna, luna_with};
use crate::harness::operator::Operator;
use crate::harness::until;
use crate::harness::world::{World, has};
use crate::upgrades::{image, outcomes, pairs, ready, reason, to, upgraded};

fn says(bot: &Value, what: &str) -> bool {
    bot["status"]["message"].as_str().is_some_and(|message| message.contains(what))
}

#[tokio::test]
async fn upgrades_to_an_image_that_is_not_there_name_it_and_the_corrected_tag_goes_on_at_once() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    let history = History::of(&world);
    for tag in ["0.2.0-typo", "0.3.0-typo"] {
        world.kubelet.miss_image(tag);
    }
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0-typo", "migrations": {"timeoutSeconds": 10}}})).await;
    let waits = |bot: &Value| bot["status"]["phase"] == "Preflight" && says(bot, "ImagePullBackOff");
    world.until_bot("luna", "says what its Job waits for", waits).await;
    let bot = upgraded(&world, "PreflightFailed").await;
    for part in ["ghcr.io/vitte/vitte:0.2.0-typo", "DeadlineExceeded", "ImagePullBackOff", "not found"] {
        assert!(says(&bot, part), "{part}: {}", bot["status"]["message"]);
    }
    assert_eq!(bot["status"]["version"], "0.1.0");

    // Nobody waits for an hour until that Job's time is over.
    world.patch_bot("luna", json!({"spec": {"version": "0.3.0-typo", "migrations": {"timeoutSeconds": 3600}}})).await;
    world.until_bot("luna", "waits for the other one", |bot| waits(bot) && says(bot, "0.3.0-typo")).await;
    to(&world, "0.2.0").await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
    operator.settled(&world, "luna").await;
    history.judge().unwrap();
}

#[tokio::test]
async fn upgrades_that_may_not_pull_their_image_go_on_at_once_with_another_pull_secret() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    let history = History::of(&world);
    for tag in ["0.2.0", "0.3.0"] {
        world.kubelet.lock_image(tag, "right");
    }
    let spec = |version: &str, secret: &str, seconds: u32| {
        json!({"spec": {"version": version, "image": {"pullSecrets": [{"name": secret}]},
            "migrations": {"timeoutSeconds": seconds}}})
    };
    // Nobody waits for an hour until that Job's time is over.
    world.patch_bot("luna", spec("0.2.0", "wrong", 3600)).await;
    world.until_bot("luna", "says what its Job waits for", |bot| says(bot, "ImagePullBackOff")).await;
    world.patch_bot("luna", spec("0.2.0", "right", 3600)).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");

    // Nor is its end the end of it.
    world.patch_bot("luna", spec("0.3.0", "wrong", 10)).await;
    let bot = upgraded(&world, "PreflightFailed").await;
    assert!(says(&bot, "ImagePullBackOff"), "{}", bot["status"]);
    let tried = world.kubelet.all_jobs();
    operator.settled(&world, "luna").await;
    assert_eq!(world.kubelet.all_jobs(), tried, "no new attempt by itself");
    world.patch_bot("luna", spec("0.3.0", "right", 60)).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.3.0");
    operator.settled(&world, "luna").await;
    history.judge().unwrap();
}

#[tokio::test]
async fn an_install_that_may_not_pull_its_image_goes_on_at_once_with_another_pull_secret() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    world.kubelet.lock_image("0.1.0", "right");
    let pulls = |secret: &str| luna_with(&world.telegram, json!({"image": {"pullSecrets": [{"name": secret}]}}));
    world.apply(pulls("wrong")).await;
    world.until_bot("luna", "says what its Job waits for", |bot| says(bot, "ImagePullBackOff")).await;
    world.apply(pulls("right")).await;
    world.ready("luna").await;
}

#[tokio::test]
async fn an_install_from_an_image_that_is_not_there_says_so_until_the_tag_is_corrected() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    world.kubelet.miss_image("0.1.0-typo");
    world.apply(luna_with(&world.telegram, json!({"version": "0.1.0-typo"}))).await;
    world.until_bot("luna", "says what its Job waits for", |bot| says(bot, "ImagePullBackOff")).await;
    world.apply(luna(&world.telegram)).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.1.0");
}

#[tokio::test]
async fn an_install_whose_pods_are_late_waits_for_a_person_and_speaks_of_no_old_ones() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    let passing = deadlines_pass(&world, "0.1.0");
    world.kubelet.ordain_image("0.1.0", Fate::Hangs).await;
    world.apply(luna(&world.telegram)).await;
    let bot = upgraded(&world, "Stuck").await;
    assert!(has(&bot, "Stalled", "True") && says(&bot, "timed out") && !says(&bot, "old pods"), "{}", bot["status"]);
    passing.abort();
    world.kubelet.ordain_image("0.1.0", Fate::Good).await;
    world.ready("luna").await;
}

#[tokio::test]
async fn upgrades_are_judged_while_the_next_spec_cannot_be_used() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    world.kubelet.ordain_image("0.2.0", Fate::Hangs).await;
    to(&world, "0.2.0").await;
    world.until_child(Kind::Deployment, "luna-bot", "rolls", |d| d["status"]["replicas"] == 2).await;
    let broken = json!({"version": "0.3.0", "telegram": {"tokenSecretRef": {"name": "gone"}}});
    world.patch_bot("luna", json!({"spec": broken})).await;
    world.until_bot("luna", "misses a Secret", |bot| has(bot, "SecretsReady", "False")).await;
    let _passing = deadlines_pass(&world, "0.2.0");
    for name in ["luna-bot", "luna-api", "luna-worker"] {
        let back = |d: &Value| d["status"]["updatedReplicas"] == 1 && d["status"]["replicas"] == 1;
        let old = |d: &Value| d["spec"]["template"]["spec"]["containers"][0]["image"] == "ghcr.io/vitte/vitte:0.1.0";
        world.until_child(Kind::Deployment, name, "is back", |d| old(d) && back(d)).await;
    }
    assert_eq!(outcomes(&world).await, pairs(&[("0.1.0", "Good"), ("0.2.0", "Failed")]));
    operator.settled(&world, "luna").await;
    assert!(has(&world.bot("luna").await, "SecretsReady", "False"));
    world.patch_bot("luna", json!({"spec": {"telegram": {"tokenSecretRef": {"name": "luna"}}}})).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.3.0");
}

#[tokio::test]
async fn upgrades_whose_contract_fails_half_way_go_neither_on_nor_back_without_a_look() {
    let world = World::new().await;
    let operator = ready(&world, json!({"migrations": {"timeoutSeconds": 10}})).await;
    to(&world, "0.2.0").await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    world.kubelet.ordain("contract", Fate::Fails("0008: the table is in use".to_owned())).await;
    to(&world, "0.3.0").await;
    let bot = upgraded(&world, "ContractFailed").await;
    assert!(says(&bot, "0008") && bot["status"]["version"] == "0.2.0", "{}", bot["status"]);

    // Its 0007 is gone for all that anybody knows.
    world.kubelet.ordain("preflight", Fate::Fails("0007 removed what it needs".to_owned())).await;
    world.annotate("luna", ANNOTATION_ROLLBACK, "0.1.0").await;
    world.until_bot("luna", "says why not", |bot| says(bot, "0007 removed")).await;
    operator.settled(&world, "luna").await;
    to(&world, "0.1.0").await;
    let bot = upgraded(&world, "PreflightFailed").await;
    assert!(says(&bot, "0007 removed"), "{}", bot["status"]);
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.2.0");

    for part in ["preflight", "contract"] {
        world.kubelet.ordain(part, Fate::Good).await;
    }
    world.annotate("luna", ANNOTATION_ROLLBACK, "").await;
    to(&world, "0.3.0").await;
    world.annotate("luna", ANNOTATION_RETRY, "1").await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.3.0");
}

#[tokio::test]
async fn upgrades_stand_still_where_nobody_knows_what_serves_and_nothing_is_thrown_away() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    to(&world, "0.2.0").await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let serving = world.bot("luna").await["status"]["revision"].as_str().unwrap().to_owned();
    let outcome = |word: &str| json!({"metadata": {"annotations": {"vitte.dev/outcome": word}}});
    world.patch(Kind::ControllerRevision, &serving, outcome("OfTomorrow")).await;
    world.until_bot("luna", "says so", |bot| reason(bot, "Upgraded") == "Refused" && says(bot, &serving)).await;
    operator.settled(&world, "luna").await;
    let looks = operator.reconciles().await;
    to(&world, "0.3.0").await;
    upgraded(&world, "Refused").await;
    operator.settled(&world, "luna").await;
    assert!(operator.reconciles().await < looks + 20.0, "it looks again and again");
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.2.0");
    assert!(world.names(Kind::ControllerRevision).await.contains(&serving));
    world.patch(Kind::ControllerRevision, &serving, outcome("Good")).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.3.0");

    // Without it, the one before serves.
    let newest = world.bot("luna").await["status"]["revision"].as_str().unwrap().to_owned();
    world.patch(Kind::ControllerRevision, &newest, outcome("OfTomorrow")).await;
    upgraded(&world, "Refused").await;
    world.api(Kind::ControllerRevision).delete(&newest, &DeleteParams::default()).await.unwrap();
    until("0.3.0 to be taken over again", async || {
        outcomes(&world).await.contains(&("0.3.0".to_owned(), "Good".to_owned())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn upgrades_are_taken_back_after_all_once_the_old_pods_are_ready() {
    let world = World::new().await;
    let _operator = ready(&world, json!({"rollout": {"progressDeadlineSeconds": 30}})).await;
    let _passing = deadlines_pass(&world, "0.2.0");
    for tag in ["0.1.0", "0.2.0"] {
        world.kubelet.ordain_image(tag, Fate::Hangs).await;
    }
    to(&world, "0.2.0").await;
    upgraded(&world, "Late").await;
    world.kubelet.ordain_image("0.1.0", Fate::Good).await;
    // The new ones get the whole deadline once more.
    let bot = upgraded(&world, "RolledBack").await;
    assert_eq!((&bot["status"]["version"], &bot["status"]["failedVersion"]), (&json!("0.1.0"), &json!("0.2.0")));
}

#[tokio::test]
async fn upgrades_taken_back_go_on_with_the_same_image_under_another_spec() {
    let world = World::new().await;
    let _operator = ready(&world, json!({})).await;
    let passing = deadlines_pass(&world, "0.2.0");
    world.kubelet.ordain_image("0.2.0", Fate::Hangs).await;
    to(&world, "0.2.0").await;
    upgraded(&world, "RolledBack").await;
    passing.abort();
    let jobs = world.kubelet.all_jobs();
    world.kubelet.ordain_image("0.2.0", Fate::Good).await;
    world.patch_bot("luna", json!({"spec": {"limits": {"messagesPerMinute": 3}}})).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
    assert_eq!(world.kubelet.all_jobs(), jobs, "its migration is done");
}

#[tokio::test]
async fn upgrades_without_the_backup_that_the_spec_requires_are_refused_until_it_asks_for_none() {
    let world = World::new().await;
    let _operator = ready(&world, json!({})).await;
    let key = |key: &str| json!({"name": "luna", "key": key});
    let s3 = json!({"bucket": "luna-backups", "accessKeyIdSecretRef": key("token"), "secretAccessKeySecretRef": key("token")});
    let backup = json!({"schedule": "0 3 * * *", "s3": s3});
    let required = json!({"version": "0.2.0", "backup": backup, "migrations": {"backup": "Required"}});
    world.patch_bot("luna", json!({"spec": required})).await;
    let bot = upgraded(&world, "Refused").await;
    assert!(has(&bot, "Stalled", "True") && says(&bot, "backup: None"), "{}", bot["status"]);
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.1.0");
    assert_eq!(world.kubelet.all_jobs().len(), 1, "nobody looked");
    world.patch_bot("luna", json!({"spec": {"migrations": {"backup": "None"}}})).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
}
