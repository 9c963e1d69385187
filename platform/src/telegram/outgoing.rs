//! What a bot says: messages, keyboards, media, and the Bot API method each becomes.
//!
//! Text is HTML (<https://core.telegram.org/bots/api#html-style>): whatever came from a person or a model goes through
//! [`escape`] first. A text over Telegram's limit is split at a paragraph, a line or a word, never inside a character.

use serde_json::{Map, Value, json};

/// Telegram counts UTF-16 units after entities.
pub const TEXT_LIMIT: usize = 4096;
/// Callback data, in bytes.
pub const CALLBACK_LIMIT: usize = 64;

/// A button under a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Button {
    /// Data begin with the module's name: `habits:toggle:42`.
    Callback {
        text: String,
        data: String,
    },
    Url {
        text: String,
        url: String,
    },
}

/// Rows of buttons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyboard(pub Vec<Vec<Button>>);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("callback data {data:?} is {} bytes; allowed: 1 to 64", data.len())]
pub struct CallbackTooLong {
    data: String,
}

impl Button {
    /// A callback button; `parts` are joined by `:` after the module's name.
    pub fn callback(text: impl Into<String>, module: &str, parts: &[&str]) -> Result<Self, CallbackTooLong> {
        let data = std::iter::once(module).chain(parts.iter().copied()).collect::<Vec<_>>().join(":");
        if data.len() > CALLBACK_LIMIT {
            return Err(CallbackTooLong { data });
        }
        Ok(Button::Callback { text: text.into(), data })
    }
}

impl Keyboard {
    fn to_json(&self) -> Value {
        let button = |b: &Button| match b {
            Button::Callback { text, data } => json!({"text": text, "callback_data": data}),
            Button::Url { text, url } => json!({"text": text, "url": url}),
        };
        json!({"inline_keyboard": self.0.iter().map(|row| row.iter().map(button).collect()).collect::<Vec<Vec<_>>>()})
    }
}

/// Bytes to upload, or a file that is known already.
#[derive(Debug, Clone)]
pub enum Media {
    Upload {
        file_name: String,
        mime: String,
        content: Vec<u8>,
    },
    /// One that Telegram has.
    FileId(String),
    /// One that [`crate::outbox::keep_file`] has stored: uploaded by the first message that carries it, and sent by
    /// Telegram's id of it from then on.
    Stored(crate::outbox::FileId),
}

#[derive(Debug, Clone)]
enum Body {
    Text(String),
    Photo(Media, String),
    Voice(Media, String),
    Document(Media, String),
}

/// A message to a chat.
#[derive(Debug, Clone)]
pub struct Message {
    body: Body,
    keyboard: Option<Keyboard>,
}

impl Message {
    /// HTML, for texts of ours.
    pub fn html(text: impl Into<String>) -> Self {
        Self { body: Body::Text(text.into()), keyboard: None }
    }

    /// Plain text, escaped: for what a person or a model wrote.
    pub fn plain(text: &str) -> Self {
        Self::html(escape(text))
    }

    pub fn photo(media: Media, caption_html: impl Into<String>) -> Self {
        Self { body: Body::Photo(media, caption_html.into()), keyboard: None }
    }

    pub fn voice(media: Media, caption_html: impl Into<String>) -> Self {
        Self { body: Body::Voice(media, caption_html.into()), keyboard: None }
    }

    pub fn document(media: Media, caption_html: impl Into<String>) -> Self {
        Self { body: Body::Document(media, caption_html.into()), keyboard: None }
    }

    #[must_use]
    pub fn keyboard(mut self, keyboard: Keyboard) -> Self {
        self.keyboard = Some(keyboard);
        self
    }

    /// The calls that send this message: one, or several when its text is long. The keyboard goes under the last.
    pub(crate) fn into_sends(self) -> Vec<Call> {
        let keyboard = self.keyboard.map(|k| k.to_json());
        let mut calls = match self.body {
            Body::Text(text) => split(&text).into_iter().map(|part| Call::text("sendMessage", part)).collect(),
            Body::Photo(media, caption) => vec![Call::media("sendPhoto", "photo", media, caption)],
            Body::Voice(media, caption) => vec![Call::media("sendVoice", "voice", media, caption)],
            Body::Document(media, caption) => vec![Call::media("sendDocument", "document", media, caption)],
        };
        if let (Some(last), Some(keyboard)) = (calls.last_mut(), keyboard) {
            last.params.insert("reply_markup".to_owned(), keyboard);
        }
        calls
    }

    /// The call that puts this message in the place of another. An edit cannot be longer than one message.
    pub(crate) fn into_edit(self) -> Call {
        let keyboard = self.keyboard.map(|k| k.to_json());
        let text = match self.body {
            Body::Text(text) | Body::Photo(_, text) | Body::Voice(_, text) | Body::Document(_, text) => text,
        };
        let part = split(&text).into_iter().next().unwrap_or_default();
        let mut call = Call::text("editMessageText", part);
        if let Some(keyboard) = keyboard {
            call.params.insert("reply_markup".to_owned(), keyboard);
        }
        call
    }
}

/// A Bot API call without its chat.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub method: &'static str,
    pub params: Map<String, Value>,
    /// Parameter name and bytes to store beside the row.
    pub upload: Option<(&'static str, Media)>,
}

impl Call {
    fn text(method: &'static str, text: String) -> Self {
        let mut params = Map::new();
        if text.contains(['<', '&']) {
            params.insert("parse_mode".to_owned(), "HTML".into());
        }
        params.insert("text".to_owned(), text.into());
        Self { method, params, upload: None }
    }

    fn media(method: &'static str, field: &'static str, media: Media, caption: String) -> Self {
        let mut params = Map::new();
        if !caption.is_empty() {
            params.insert("caption".to_owned(), caption.into());
            params.insert("parse_mode".to_owned(), "HTML".into());
        }
        match media {
            Media::FileId(id) => {
                params.insert(field.to_owned(), id.into());
                Self { method, params, upload: None }
            }
            upload @ (Media::Upload { .. } | Media::Stored(_)) => {
                Self { method, params, upload: Some((field, upload)) }
            }
        }
    }
}

/// Makes any text safe inside HTML markup.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// HTML markup taken away: what is sent when Telegram refuses the markup.
pub fn strip(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        match rest[start..].find('>') {
            Some(end) if rest[start + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') => {
                rest = &rest[start + end + 1..];
            }
            _ => {
                out.push('<');
                rest = &rest[start + 1..];
            }
        }
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Splits a text into parts that Telegram takes. Texts with markup are ours and short; a long one is split only
/// outside of tags, and an entity that spans the cut falls back to plain text when Telegram refuses it.
fn split(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while rest.encode_utf16().count() > TEXT_LIMIT {
        let mut units = 0;
        let end = rest
            .char_indices()
            .find(|(_, c)| {
                units += c.len_utf16();
                units > TEXT_LIMIT
            })
            .map_or(rest.len(), |(i, _)| i);
        let window = &rest[..end];
        let cut = ["\n\n", "\n", " "]
            .iter()
            .filter_map(|mark| window.rfind(mark))
            .find(|cut| *cut > window.len() / 2)
            .unwrap_or(window.len());
        // Not inside an escaped character or a tag.
        let cut = match window[..cut].rfind(['&', '<']) {
            Some(open) if open > 0 && cut - open < 64 && !window[open..cut].contains([';', '>']) => open,
            _ => cut,
        };
        parts.push(rest[..cut].trim_end().to_owned());
        rest = rest[cut..].trim_start();
    }
    parts.push(rest.to_owned());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callback_data_over_64_bytes_is_refused_when_the_button_is_built() {
        assert_eq!(
            Button::callback("x", "habits", &["toggle", "42"]),
            Ok(Button::Callback { text: "x".into(), data: "habits:toggle:42".into() })
        );
        let error = Button::callback("x", "habits", &[&"я".repeat(40)]).unwrap_err().to_string();
        assert!(error.contains("allowed: 1 to 64"), "{error}");
    }

    #[test]
    fn a_long_text_becomes_several_messages_and_nothing_of_it_is_lost() {
        let text = "слово 🎈 ".repeat(2000);
        let parts = split(&text);
        assert!(parts.len() > 2);
        assert!(parts.iter().all(|p| p.encode_utf16().count() <= TEXT_LIMIT && !p.is_empty()));
        let words = |s: &str| s.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parts.iter().flat_map(|p| words(p)).collect::<Vec<_>>(), words(&text));
    }

    #[test]
    fn markup_is_taken_away_but_a_lone_less_than_stays() {
        assert_eq!(strip("<b>1 &lt; 2</b> & 3 < 4"), "1 < 2 & 3 < 4");
    }

    #[test]
    fn a_persons_words_cannot_become_markup() {
        let calls = Message::plain("<b>x</b> & y").into_sends();
        assert_eq!(calls[0].params["text"], "&lt;b&gt;x&lt;/b&gt; &amp; y");
    }
}
