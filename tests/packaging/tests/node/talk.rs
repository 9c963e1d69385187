//! A person who talks to a bot on the simulator's side, through `kubectl port-forward` as the documentation says.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vitte_packaging::{run, variable};

const CHAT: i64 = 700;
const LIMIT: Duration = Duration::from_secs(60);

pub struct Talk {
    forward: Child,
    base: String,
    /// The number of the last message that was seen.
    last: AtomicI64,
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.forward.kill();
        let _ = self.forward.wait();
    }
}

impl Talk {
    pub fn begin(namespace: &str, service: &str) -> Self {
        let mut command = Command::new(variable("VITTE_TEST_CLUSTER_BIN").join("kubectl"));
        command.arg("--kubeconfig").arg(variable("VITTE_TEST_NODE_KUBECONFIG"));
        command.args(["port-forward", "-n", namespace, service, ":8081"]);
        let mut forward = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        // "Forwarding from 127.0.0.1:PORT -> 8081"
        let mut output = BufReader::new(forward.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next());
        let base =
            format!("http://127.0.0.1:{}", port.unwrap_or_else(|| panic!("kubectl port-forward said: {line:?}")));
        // It tells of every connection: read to its end, or it would wait for a reader.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { forward, base, last: AtomicI64::new(0) }
    }

    /// Says something, and waits for a message of the bot that came after it.
    pub fn says_and_hears(&self, text: &str) {
        let body = json!({"text": text, "from": {"id": CHAT, "first_name": "Ann", "language_code": "en"}});
        let said = self.ask(&["-d", &body.to_string(), "-H", "content-type: application/json"], "messages");
        let number = said["message_id"].as_i64().unwrap();
        assert!(number > self.last.load(Ordering::Relaxed), "the chat begins anew: {said}");
        let until = Instant::now() + LIMIT;
        loop {
            let chat = self.ask(&[], &format!("messages?after={number}&wait=5"));
            let messages = chat["messages"].as_array().unwrap();
            if let Some(answer) = messages.iter().find(|message| message["from"] == "bot") {
                self.last.store(answer["message_id"].as_i64().unwrap(), Ordering::Relaxed);
                return;
            }
            assert!(Instant::now() < until, "no answer to {text:?} within a minute; the chat: {chat}");
        }
    }

    fn ask(&self, arguments: &[&str], path: &str) -> Value {
        let url = format!("{}/sim/chats/{CHAT}/{path}", self.base);
        let told = run(Command::new("curl").args(["-sSf", "--max-time", "30", &url]).args(arguments), "").done();
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{url}: {error}: {told}"))
    }
}
