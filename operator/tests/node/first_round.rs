//! A bot comes, answers, and goes.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::connections::{Connection, Watch};
use crate::forward::Forward;
use crate::node::{Node, VERSION, until};
use crate::policies::{End, Policies};
use crate::world::{OPERATOR, TOKEN, bot, install_operator, simulated_world};

const BOTS: &str = "first-round";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_is_applied_answers_a_person_through_all_its_parts_and_leaves_only_what_it_is_told_to_keep() {
    let node = Node::connect().await;
    node.namespace(OPERATOR).await;
    node.namespace(BOTS).await;
    install_operator(&node).await;
    node.apply(simulated_world(BOTS)).await;
    let watch = Watch::start(&node);

    let mut objects = bot(BOTS);
    objects.last_mut().unwrap()["spec"]["modules"]["habits"] = json!({});
    node.apply(objects).await;
    let waited =
        node.command(&["wait", "--for=condition=Ready", "vb/luna", "-n", BOTS, "--timeout=170s"]).output().await;
    if !waited.unwrap().status.success() {
        panic!("the bot is not Ready\n{}", node.story(BOTS).await);
    }
    let listed = node.kubectl(&["get", "vb", "luna", "-n", BOTS]).await;
    for word in [VERSION, "Ready", "Succeeded", "Webhook"] {
        assert!(listed.contains(word), "kubectl get vb lacks {word}:\n{listed}");
    }

    let registered = ["wait", "--for=condition=WebhookRegistered", "vb/luna", "-n", BOTS, "--timeout=30s"];
    node.kubectl(&registered).await;

    let world = Forward::to(&node, BOTS, "svc/sim", 8081).await;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let person = Person { client, base: world.base.clone() };
    person.says("/start").await;
    let greeting = person.hears(0, "Hi, I am Luna!").await["message_id"].as_i64().unwrap();
    let asked = person.says("What do you do in the evenings?").await;
    assert!(asked > greeting, "one chat's messages are counted in their order");
    // The model's words come by the worker.
    person.hears(asked, "").await;

    // Two modules in one bot: what is typed in an open dialogue is the habits', and the worker remembers the time.
    for words in ["/newhabit", "Water the plants", "/skip", "/skip"] {
        let said = person.says(words).await;
        person.hears(said, "").await;
    }
    let made = person.says(&soon()).await;
    person.hears(made, "").await;

    policies_allow_what_pods_do_and_not_more(&node, &watch).await;
    let reminder = person.hears_within(Duration::from_secs(180), made, "⏰ Water the plants").await;
    assert!(text(&reminder).contains("Today is a good day to begin."), "on time, of today: {reminder}");
    assert_eq!(labels(&reminder), ["✅ Done", "🕐 In an hour", "Skip today"], "{reminder}");
    operator_is_content(&node).await;

    let bots = node.api("vitte.dev/v1alpha1", "VitteBot", Some(BOTS));
    bots.delete("luna", &DeleteParams::default()).await.unwrap();
    until("the bot is gone", || async { bots.get_opt("luna").await.unwrap().is_none().then_some(()) }).await;
    let kept = BTreeSet::from(["PersistentVolumeClaim luna-postgres".to_owned(), "Secret luna-postgres".to_owned()]);
    until("nothing is left but the database's volume and its Secret", || async {
        (left(&node).await == kept).then_some(())
    })
    .await;
    let info = person.call("getWebhookInfo").await;
    assert_eq!(info["result"]["url"], "", "the webhook went with the bot: {info}");
}

/// A time of day that comes in one minute to two, as a person in UTC writes it.
fn soon() -> String {
    #[expect(clippy::disallowed_methods, reason = "the pods have no other clock than the machine's")]
    let now = chrono::Utc::now();
    (now + chrono::TimeDelta::minutes(2)).format("%H:%M").to_string()
}

fn text(message: &Value) -> &str {
    message["text"].as_str().unwrap_or_default()
}

/// Of a message's buttons, row by row.
fn labels(message: &Value) -> Vec<&str> {
    let rows = message["buttons"].as_array().into_iter().flatten();
    rows.filter_map(Value::as_array).flatten().filter_map(|button| button["text"].as_str()).collect()
}

/// The person's side of the simulated Telegram.
struct Person {
    client: reqwest::Client,
    base: String,
}

const CHAT: i64 = 700;

impl Person {
    /// Returns the message's number.
    async fn says(&self, text: &str) -> i64 {
        let body = json!({"text": text, "from": {"id": CHAT, "first_name": "Ann", "language_code": "en"}});
        let request = self.client.post(format!("{}/sim/chats/{CHAT}/messages", self.base)).json(&body);
        let answer: Value = request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
        answer["message_id"].as_i64().unwrap()
    }

    /// The bot's first message after `after` in which these words are.
    async fn hears(&self, after: i64, words: &str) -> Value {
        self.hears_within(Duration::from_secs(60), after, words).await
    }

    async fn hears_within(&self, limit: Duration, after: i64, words: &str) -> Value {
        let mut latest = Value::Null;
        let heard = tokio::time::timeout(limit, async {
            loop {
                let url = format!("{}/sim/chats/{CHAT}/messages?after={after}&wait=1", self.base);
                let answer: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
                let mut messages = answer["messages"].as_array().into_iter().flatten();
                let of_bot = |message: &&Value| message["from"] == "bot" && !text(message).is_empty();
                if let Some(message) = messages.find(|message| of_bot(message) && text(message).contains(words)) {
                    return message.clone();
                }
                latest = answer;
            }
        });
        heard.await.unwrap_or_else(|_| panic!("no {words:?} within {limit:?}; the chat: {latest}"))
    }

    async fn call(&self, method: &str) -> Value {
        let url = format!("{}/bot{TOKEN}/{method}", self.base);
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }
}

/// Every connection that one of the bot's pods was seen to make or take is allowed; what none of them needs is not.
async fn policies_allow_what_pods_do_and_not_more(node: &Node, watch: &Watch) {
    let all: Api<NetworkPolicy> = Api::all(node.client.clone());
    let namespaces: Api<Namespace> = Api::all(node.client.clone());
    let policies = Policies {
        all: all.list(&ListParams::default()).await.unwrap().items,
        namespaces: namespaces
            .list(&ListParams::default())
            .await
            .unwrap()
            .into_iter()
            .map(|n| (n.metadata.name.unwrap_or_default(), n.metadata.labels.unwrap_or_default()))
            .collect(),
    };
    // The notes are some moments behind.
    let needed = [
        ("bot", "postgres"),
        ("bot", "redis"),
        ("bot", "sim"),
        ("worker", "postgres"),
        ("worker", "sim"),
        ("migrate", "postgres"),
        ("sim", "bot"),
    ];
    until("every connection that the bot needs is seen", || async {
        let seen: BTreeSet<(String, String)> = made(watch).into_iter().map(|(_, from, to)| (from, to)).collect();
        needed.iter().all(|(from, to)| seen.contains(&((*from).to_owned(), (*to).to_owned()))).then_some(())
    })
    .await;
    let pods = watch.pods();
    for (connection, from, to) in made(watch) {
        let end = |address| End { address, pod: pods.get(&address) };
        let allowed = policies.allow(&connection, end(connection.from), end(connection.to));
        assert!(allowed, "{from} -> {to} is made and not allowed: {connection:?}");
    }
    let address = |part: &str| {
        let of = |pod: &crate::connections::Seen| {
            pod.namespace == BOTS && pod.labels.get("app.kubernetes.io/component").is_some_and(|label| label == part)
        };
        *pods.iter().find(|(_, pod)| of(pod)).unwrap_or_else(|| panic!("no pod of {part}")).0
    };
    let outside = [192, 0, 2, 1].into();
    let refused = [
        ("the API calls nobody outside", address("api"), outside, 443),
        ("the migration knows the database alone", address("migrate"), outside, 443),
        ("the database calls nobody", address("postgres"), outside, 443),
        ("nobody from outside reaches the database", outside, address("postgres"), 5432),
        ("nobody from outside reaches the worker's door", outside, address("worker"), 8080),
        ("the bot has no business with the administrators", address("bot"), address("admin"), 8080),
    ];
    for (what, from, to, port) in refused {
        let end = |address| End { address, pod: pods.get(&address) };
        let connection = Connection { from, to, port, udp: false };
        assert!(!policies.allow(&connection, end(from), end(to)), "{what}, but it is allowed");
    }
}

/// The connections with a pod of the bot's at one end at least, and the parts at both ends.
fn made(watch: &Watch) -> Vec<(Connection, String, String)> {
    let pods = watch.pods();
    let part = |address| {
        let pod = pods.get(&address).filter(|pod| pod.namespace == BOTS)?;
        pod.labels.get("app.kubernetes.io/component").or_else(|| pod.labels.get("app")).cloned()
    };
    let named = |part: Option<String>| part.unwrap_or_else(|| "elsewhere".to_owned());
    watch
        .connections()
        .into_iter()
        // The kubelet's probes come from the node itself, which no policy keeps out.
        .filter(|connection| pods.contains_key(&connection.from))
        .map(|connection| (connection, part(connection.from), part(connection.to)))
        .filter(|(_, from, to)| from.is_some() || to.is_some())
        .map(|(connection, from, to)| (connection, named(from), named(to)))
        .collect()
}

/// No restart, no error: the operator's own pods.
async fn operator_is_content(node: &Node) {
    for pod in node.list("v1", "Pod", OPERATOR, "app.kubernetes.io/name=vitte-operator").await {
        let restarts = pod["status"]["containerStatuses"][0]["restartCount"].as_i64();
        assert_eq!(restarts, Some(0), "{}", pod["metadata"]["name"]);
    }
    let logs =
        node.kubectl(&["logs", "-n", OPERATOR, "-l", "app.kubernetes.io/name=vitte-operator", "--tail=-1"]).await;
    assert!(!logs.contains(TOKEN), "the token is in the operator's log");
    let errors: Vec<&str> = logs.lines().filter(|line| line.contains("\"level\":\"ERROR\"")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// Everything of the bot's that is still there.
async fn left(node: &Node) -> BTreeSet<String> {
    let mut left = BTreeSet::new();
    for kind in vitte_operator::objects::Kind::ALL.into_iter().filter(|kind| !kind.is_optional()) {
        for object in node.list(&kind.api_version(), &kind.to_string(), BOTS, "vitte.dev/bot=luna").await {
            left.insert(format!("{kind} {}", object["metadata"]["name"].as_str().unwrap_or_default()));
        }
    }
    left.extend(
        node.list("v1", "Pod", BOTS, "vitte.dev/bot=luna")
            .await
            .iter()
            .map(|pod| format!("Pod {}", pod["metadata"]["name"].as_str().unwrap_or_default())),
    );
    left
}
