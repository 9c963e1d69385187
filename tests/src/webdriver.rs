//! A real browser for tests: headless Chromium, driven as a person does, over the W3C WebDriver protocol.
//!
//! Commands leave for a chromedriver of this browser's own; what the page shows comes back as JSON. Clicks and keys
//! are those of the browser itself, so that what covers a button or takes a key away from it fails the test. Every
//! wait has a limit. What must never happen here: a browser, driver or profile that outlives its value.
//! <https://www.w3.org/TR/webdriver2/>

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::LIMIT;

/// Where Debian's packages `chromium` and `chromium-driver` put them.
const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";
/// The first start on a cold machine reads a few hundred megabytes.
const START: Duration = Duration::from_secs(60);
const STARTED: &str = "was started successfully on port ";

const FLAGS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    // Its reports would be kept outside the profile.
    "--disable-crash-reporter",
    // The page speaks the browser's language; tests read English.
    "--lang=en-US",
];

/// Keys by their names in the protocol.
pub mod key {
    pub const TAB: char = '\u{e004}';
    pub const ENTER: char = '\u{e007}';
    pub const SHIFT: char = '\u{e008}';
    pub const ALT: char = '\u{e00a}';
    pub const ESCAPE: char = '\u{e00c}';
    pub const DOWN: char = '\u{e015}';
}

/// What the browser is shown on.
#[derive(Clone, Copy, Debug)]
pub enum Screen {
    Desktop,
    /// Narrow, with a finger instead of a mouse.
    Phone,
}

/// One browser with one tab. Its processes and its profile end with its value.
pub struct Browser {
    http: reqwest::Client,
    driver: Driver,
    session: String,
    pid: Option<i32>,
    // Last: the folder goes when nobody writes to it any more.
    _profile: TempDir,
}

impl Browser {
    pub async fn open(screen: Screen) -> Self {
        for program in [CHROMIUM, CHROMEDRIVER] {
            assert!(
                Path::new(program).exists(),
                "{program} is missing: `make test` installs it, by hand `apt-get install chromium chromium-driver`"
            );
        }
        crate::tls();
        let http = reqwest::Client::builder().no_proxy().timeout(START).build().unwrap();
        let profile = TempDir::new().unwrap();
        let driver = Driver::start().await;
        let mut browser = Self { http, driver, session: String::new(), pid: None, _profile: profile };
        let mut args: Vec<String> = FLAGS.map(str::to_owned).into();
        args.push(format!("--user-data-dir={}", browser._profile.path().display()));
        args.push("--window-size=1280,860".to_owned());
        let mut options = json!({"binary": CHROMIUM, "args": args});
        if matches!(screen, Screen::Phone) {
            let metrics = json!({"width": 390, "height": 844, "pixelRatio": 2, "mobile": true, "touch": true});
            options["mobileEmulation"] = json!({"deviceMetrics": metrics});
        }
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}});
        let answer = browser.send("POST", "/session", &json!({"capabilities": {"alwaysMatch": wanted}})).await;
        browser.session = answer["sessionId"].as_str().unwrap().to_owned();
        let pid = answer["capabilities"]["goog:processID"].as_i64();
        browser.pid = pid.and_then(|pid| i32::try_from(pid).ok());
        browser
    }

    /// One command of the protocol; a refusal fails the test with the driver's words.
    async fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_send(method, path, body).await.unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"))
    }

    async fn try_send(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("http://{}{path}", self.driver.address);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if method == "POST" {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| format!("{error:?}"))?;
        let success = response.status().is_success();
        let mut answer: Value = response.json().await.map_err(|error| format!("{error:?}"))?;
        let value = answer["value"].take();
        if success { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
    }

    async fn command(&self, path: &str, body: &Value) -> Value {
        self.send("POST", &format!("/session/{}/{path}", self.session), body).await
    }

    pub async fn go(&self, url: &str) {
        self.command("url", &json!({"url": url})).await;
    }

    pub async fn reload(&self) {
        self.command("refresh", &json!({})).await;
    }

    /// The value of a JavaScript expression in the page.
    pub async fn eval(&self, expression: &str) -> Value {
        self.command("execute/sync", &json!({"script": format!("return ({expression});"), "args": []})).await
    }

    /// Waits until a JavaScript expression is true, and fails with what the page shows.
    pub async fn sees(&self, expression: &str) {
        let search = async {
            while self.eval(expression).await != true {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(LIMIT, search).await.is_err() {
            let shown = self.eval("document.body.innerText").await;
            panic!("waited {LIMIT:?} for: {expression}\nthe page shows: {shown}");
        }
    }

    /// Clicks what the selector finds as soon as a pointer can reach it.
    pub async fn click(&self, selector: &str) {
        let mut refused = String::new();
        let done = async {
            loop {
                match self.try_click(selector).await {
                    Ok(()) => return,
                    Err(error) => refused = error,
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let done = tokio::time::timeout(LIMIT, done).await;
        assert!(done.is_ok(), "{selector} could not be clicked: {refused}");
    }

    async fn try_click(&self, selector: &str) -> Result<(), String> {
        let element = self.find(selector).await?;
        let path = format!("/session/{}/element/{element}/click", self.session);
        self.try_send("POST", &path, &json!({})).await.map(drop)
    }

    async fn find(&self, selector: &str) -> Result<String, String> {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.try_send("POST", &format!("/session/{}/element", self.session), &wanted).await?;
        let id = found.as_object().and_then(|element| element.values().next()).and_then(Value::as_str);
        Ok(id.unwrap().to_owned())
    }

    /// Puts a file from disk into a file input, as the file dialog does.
    pub async fn choose_file(&self, selector: &str, path: &Path) {
        let element = self.find(selector).await.unwrap();
        self.command(&format!("element/{element}/value"), &json!({"text": path.to_str().unwrap()})).await;
    }

    /// Types on the keyboard, into whatever has the focus.
    pub async fn keys(&self, text: &str) {
        let strokes = text.chars().flat_map(|letter| {
            [json!({"type": "keyDown", "value": letter}), json!({"type": "keyUp", "value": letter})]
        });
        self.press(strokes.collect()).await;
    }

    /// Presses a key while another is held.
    pub async fn chord(&self, held: char, letter: char) {
        let strokes = [("keyDown", held), ("keyDown", letter), ("keyUp", letter), ("keyUp", held)];
        self.press(strokes.map(|(kind, value)| json!({"type": kind, "value": value})).into()).await;
    }

    async fn press(&self, strokes: Vec<Value>) {
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.command("actions", &json!({"actions": [keyboard]})).await;
    }

    /// Presses Tab until the focus is on what the selector finds: whoever has no mouse must get there.
    pub async fn tab_to(&self, selector: &str) {
        const STOPS: usize = 60;
        for _ in 0..STOPS {
            if self.eval(&format!("document.activeElement.matches({selector:?})")).await == true {
                return;
            }
            self.keys(&key::TAB.to_string()).await;
        }
        panic!("{STOPS} times Tab and the focus never came to {selector}");
    }

    /// Keeps a picture of what is shown, for people to look at.
    pub async fn screenshot(&self, file: &Path) {
        // Things that move are shown where they end; what moves for ever is shown as it is.
        let still = "document.getAnimations().every((animation) => animation.playState !== 'running' \
            || animation.effect.getTiming().iterations === Infinity)";
        self.sees(still).await;
        let answer = self.send("GET", &format!("/session/{}/screenshot", self.session), &Value::Null).await;
        let bytes = base64::engine::general_purpose::STANDARD.decode(answer.as_str().unwrap()).unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// What the browser's console complained about since it was last asked.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.command("se/log", &json!({"type": "browser"})).await;
        let entries = entries.as_array().unwrap().iter();
        let bad = entries.filter(|entry| ["SEVERE", "WARNING"].contains(&entry["level"].as_str().unwrap()));
        bad.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes its browser with it when asked; killed, it would leave it behind.
        let gone = self.session.is_empty() || self.driver.quit(&self.session).is_ok();
        if let (false, Some(pid)) = (gone, self.pid) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// The program that turns the protocol into what the browser does. Ends with its value.
struct Driver {
    process: Child,
    address: SocketAddr,
}

impl Driver {
    /// On a port that it finds itself.
    async fn start() -> Self {
        let mut command = Command::new(CHROMEDRIVER);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = Self { process: command.spawn().unwrap(), address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let output = BufReader::new(driver.process.stdout.take().unwrap());
        let (found, port) = tokio::sync::oneshot::channel::<u16>();
        std::thread::spawn(move || {
            let mut found = Some(found);
            // To its end: a full pipe would stop the driver.
            for line in output.lines().map_while(Result::ok) {
                let port = line.split_once(STARTED).and_then(|(_, rest)| rest.trim_end_matches('.').parse().ok());
                if let Some(port) = port
                    && let Some(found) = found.take()
                {
                    let _ = found.send(port);
                }
            }
        });
        let port = tokio::time::timeout(START, port).await.expect("chromedriver starts within its limit");
        driver.address.set_port(port.expect("chromedriver says its port before it ends"));
        driver
    }

    /// Ends a session and its browser. No runtime is sure to be there to wait for the answer, so this asks by hand.
    fn quit(&self, session: &str) -> std::io::Result<()> {
        let limit = Duration::from_secs(5);
        let mut stream = TcpStream::connect_timeout(&self.address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        let host = self.address;
        write!(stream, "DELETE /session/{session} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
