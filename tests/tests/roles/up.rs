use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use vitte_tests::person::Person;
use vitte_tests::process::{Vitte, free_port};

const MANIFEST: &str = include_str!("../../../crds/examples/companion.yaml");

/// `vitte up` in a folder of its own.
pub struct Up {
    pub vitte: Vitte,
    pub http: reqwest::Client,
    pub url: String,
}

impl Up {
    pub async fn start(folder: &Path) -> Self {
        Self::with(folder, MANIFEST, &[]).await
    }

    pub async fn with(folder: &Path, manifest: &str, args: &[&str]) -> Self {
        Self::knowing(folder, manifest, args, &[]).await
    }

    /// With these variables in its environment.
    pub async fn knowing(folder: &Path, manifest: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let port = free_port();
        std::fs::write(folder.join("bot.yaml"), manifest).unwrap();
        let listen = format!("127.0.0.1:{port}");
        let mut all = vec!["up", "bot.yaml", "--listen", &listen];
        all.extend(args);
        let mut vitte = Vitte::start(folder, &all, env);
        #[expect(clippy::disallowed_methods, reason = "a client of a test")]
        let http = reqwest::Client::new();
        vitte.ready(&http, port).await;
        Self { vitte, http, url: format!("http://{listen}") }
    }

    pub fn person(&self, id: i64) -> Person {
        Person::new(self.http.clone(), &self.url, id)
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// Processes whose working folder or command line names this folder.
fn left_behind(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().parse::<u32>().is_ok());
    let names = processes.filter_map(|entry| {
        let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?.replace('\0', " ");
        let place = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        (command.contains(&folder) || place.to_string_lossy().contains(&folder)).then_some(command)
    });
    names.collect()
}

/// The first five minutes: start, talk, stop, start again, and it remembers. Breaks without the journal of the
/// simulated Telegram, when a server is left running, or when a log repeats what a person said.
#[tokio::test]
async fn a_person_talks_the_bot_stops_and_a_second_up_finds_the_conversation_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::start(folder.path()).await;
    let anna = up.person(1001);
    anna.say("/start").await;
    anna.hears_of("Luna").await;
    anna.say("Hello, my name is Anna").await;
    let before = anna.hears(3).await;
    for (path, part) in [
        ("/", "<title>"),
        ("/docs/", "swagger"),
        ("/api/v1/openapi.json", "\"openapi\""),
        ("/admin", "<html"),
        ("/health", "\"ok\""),
        ("/metrics", "vitte_updates_total"),
    ] {
        let (status, text) = up.get(path).await;
        assert!(status == 200 && text.contains(part), "{path}: {status} {text}");
    }
    let asked = Instant::now();
    assert_eq!(up.vitte.stop().await, Some(0));
    // The issue's own limit, with nothing going on.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(left_behind(folder.path()), Vec::<String>::new());
    let output = up.vitte.output();
    assert!(output.contains("luna is ready") && output.contains("chat      http://127.0.0.1:"), "{output}");
    assert!(!output.contains("Anna"), "no message text in a log: {output}");

    let mut up = Up::start(folder.path()).await;
    let anna = up.person(1001);
    assert_eq!(anna.read().await, before);
    anna.say("What is my name?").await;
    let heard = anna.hears(before.len() + 1).await;
    assert!(heard.last().unwrap().contains("Anna"), "{heard:?}");
    assert_eq!(up.vitte.stop().await, Some(0));
}

/// Breaks when what a killed run leaves is not cleaned up, or when something was acknowledged before it was kept.
#[tokio::test]
async fn after_sigkill_the_next_up_cleans_up_and_has_lost_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path()).await;
    let (anna, ivan) = (up.person(1001), up.person(1002).speaking("ru"));
    anna.say("/start").await;
    ivan.say("/start").await;
    anna.hears(2).await;
    // Acknowledged by the simulated Telegram, and then everything dies.
    for n in 0..3 {
        anna.say(&format!("note {n}")).await;
    }
    ivan.say("Привет").await;
    up.vitte.kill();
    let mut up = Up::start(folder.path()).await;
    let (anna, ivan) = (up.person(1001), up.person(1002));
    let said = |messages: Vec<serde_json::Value>| {
        let mine = messages.into_iter().filter(|m| m["from"] == "user");
        mine.map(|m| m["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(said(anna.messages().await), ["/start", "note 0", "note 1", "note 2"]);
    // The persona's greeting is there, and everything owed is answered.
    anna.hears(3).await;
    ivan.hears(3).await;
    assert_eq!(up.vitte.stop().await, Some(0));
    assert_eq!(left_behind(folder.path()), Vec::<String>::new());
}

/// Breaks without the folder's lock.
#[tokio::test]
async fn a_second_up_in_the_same_folder_is_refused_while_the_first_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::start(folder.path()).await;
    let listen = format!("127.0.0.1:{}", free_port());
    let mut second = Vitte::start(folder.path(), &["up", "bot.yaml", "--listen", &listen], &[]);
    assert_eq!(second.ended().await.code(), Some(2));
    let output = second.output();
    assert!(output.contains(&up.vitte.id().to_string()), "it names who holds the folder: {output}");
    up.vitte.signal(Signal::SIGINT);
    assert_eq!(up.vitte.ended().await.code(), Some(0));
}

/// Breaks without the front door's look at Host and Origin.
#[tokio::test]
async fn pages_of_other_places_cannot_talk_to_the_bot() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = MANIFEST.replace("updates: Polling", "updates: Webhook\n    webhook: {host: luna.example.org}");
    assert!(manifest.contains("Webhook"));
    let mut up = Up::with(folder.path(), &manifest, &[]).await;
    let ask = |header: &'static str, value: &'static str| {
        let request = up.http.get(format!("{}/sim/chats", up.url)).header(header, value);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(ask("Origin", "https://evil.example").await, 403);
    assert_eq!(ask("Host", "evil.example").await, 403);
    assert_eq!(ask("Accept", "*/*").await, 200);
    // The same manifest's webhook mode: the simulated Telegram posts to the front door.
    let anna = up.person(1001);
    anna.say("/help").await;
    anna.hears(1).await;
    assert_eq!(up.vitte.stop().await, Some(0));
}
