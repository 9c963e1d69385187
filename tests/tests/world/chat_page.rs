//! The chat page in a browser, named by what a person sees.

use std::path::Path;

use vitte_tests::webdriver::{Browser, Screen};

use crate::scripted::Bot;

pub struct ChatPage {
    pub browser: Browser,
}

/// What carries this test id.
pub fn id(test_id: &str) -> String {
    format!("[data-testid=\"{test_id}\"]")
}

/// The chat of one person.
pub fn pane(person: i64) -> String {
    format!("{}[data-person=\"{person}\"]", id("pane"))
}

impl ChatPage {
    pub async fn open(bot: &Bot, screen: Screen, path: &str) -> Self {
        let browser = Browser::open(screen).await;
        browser.go(&bot.page(path)).await;
        Self { browser }
    }

    pub async fn is_there(&self, selector: &str) {
        self.browser.sees(&format!("document.querySelector('{selector}')?.checkVisibility() === true")).await;
    }

    pub async fn is_gone(&self, selector: &str) {
        self.browser.sees(&format!("!document.querySelector('{selector}')?.checkVisibility()")).await;
    }

    pub async fn has_focus(&self, selector: &str) {
        self.browser.sees(&format!("document.activeElement?.matches('{selector}') === true")).await;
    }

    /// What the selector finds has this text, and nothing more.
    pub async fn reads(&self, selector: &str, text: &str) {
        self.browser.sees(&format!("document.querySelector('{selector}')?.innerText.trim() === {text:?}")).await;
    }

    /// The texts of a person's chat, from the oldest, each with who wrote it.
    pub async fn shows(&self, person: i64, expected: &[(&str, &str)]) {
        let expected: Vec<String> = expected.iter().map(|(from, text)| format!("{from}: {text}")).collect();
        let shown = format!(
            "JSON.stringify([...document.querySelectorAll('{} {}')].map((m) => `${{m.dataset.from}}: ${{m.querySelector('{}')?.innerText ?? m.dataset.kind}}`))",
            pane(person),
            id("message"),
            id("text"),
        );
        let expected = serde_json::to_string(&serde_json::to_string(&expected).unwrap()).unwrap();
        self.browser.sees(&format!("{shown} === {expected}")).await;
    }

    /// Writes as a person does: into the field, letter by letter, then Enter.
    pub async fn write(&self, person: i64, text: &str) {
        self.browser.click(&format!("{} {}", pane(person), id("input"))).await;
        self.browser.keys(text).await;
        self.browser.keys(&vitte_tests::webdriver::key::ENTER.to_string()).await;
    }

    /// Nothing reaches beyond the edge of the screen, so that nobody has to push the page sideways.
    pub async fn fits(&self) {
        let wide = "[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('pre, .visually-hidden') \
            && (e.getBoundingClientRect().right > innerWidth + 0.5 || e.getBoundingClientRect().left < -0.5)).map((e) => e.outerHTML.slice(0, 120))";
        assert_eq!(self.browser.eval(wide).await, serde_json::json!([]));
        assert_eq!(self.browser.eval("document.documentElement.scrollWidth <= innerWidth").await, true);
        let log =
            format!("[...document.querySelectorAll('{}')].every((e) => e.scrollWidth <= e.clientWidth)", id("scroll"));
        assert_eq!(self.browser.eval(&log).await, true);
    }

    /// A picture beside the build's other results, in `screenshots/`.
    pub async fn picture(&self, name: &str) {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        self.browser.screenshot(&target.join("screenshots").join(format!("{name}.png"))).await;
    }

    pub async fn nothing_went_wrong(&self) {
        assert_eq!(self.browser.complaints().await, Vec::<String>::new());
    }
}
