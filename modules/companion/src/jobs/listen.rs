//! Listening to the model: from its stream to what will be said.

use futures::StreamExt;

use super::preview::Preview;
use crate::domain::whole_sentences;
use crate::model::{Event, ModelError, Usage, Words};

/// How listening ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Answer(Reply),
    /// The person wrote more before a word was shown: it is to be answered too.
    Overtaken,
    /// Nothing that could be said.
    Failed(ModelError),
}

/// What the persona says.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub text: String,
    /// As billed; none when the stream broke before it came.
    pub usage: Option<Usage>,
}

/// Shows the words while they come. `overtaken` is asked once, at the first words and before they are shown.
///
/// A stream that breaks after words were shown is not asked for again: what was said up to the last whole sentence
/// stays, as it would from a person who was called away. Less than a sentence is no answer, and a draft fades.
pub async fn listen<E>(
    mut words: Words,
    preview: &Preview,
    overtaken: impl Future<Output = Result<bool, E>>,
) -> Result<Heard, E> {
    let mut overtaken = Some(overtaken);
    let mut text = String::new();
    let mut usage = None;
    let mut cut = false;
    let mut broken = None;
    while let Some(event) = words.next().await {
        match event {
            Ok(Event::Words(more)) => {
                text.push_str(&more);
                if text.trim().is_empty() {
                    continue;
                }
                if let Some(overtaken) = overtaken.take()
                    && overtaken.await?
                {
                    return Ok(Heard::Overtaken);
                }
                preview.show(text.trim_start());
            }
            Ok(Event::Cut) => cut = true,
            Ok(Event::Usage(spent)) => usage = Some(spent),
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
    }
    let whole = whole_sentences(&text);
    let text = match (broken, whole) {
        (Some(_), Some(sentences)) => sentences,
        (Some(error), None) => return Ok(Heard::Failed(error)),
        (None, Some(sentences)) if cut => sentences,
        (None, _) => text.trim(),
    };
    if text.is_empty() {
        return Ok(Heard::Failed(ModelError::away("an empty answer")));
    }
    Ok(Heard::Answer(Reply { text: text.to_owned(), usage }))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;

    fn words(text: &str) -> Result<Event, ModelError> {
        Ok(Event::Words(text.to_owned()))
    }

    fn broken() -> Result<Event, ModelError> {
        Err(ModelError::Broken("silence".into()))
    }

    async fn hear(events: Vec<Result<Event, ModelError>>, overtaken: bool) -> Heard {
        let preview = Preview::nowhere();
        listen(stream::iter(events).boxed(), &preview, async { Ok::<_, Infallible>(overtaken) }).await.unwrap()
    }

    fn says(text: &str) -> Heard {
        Heard::Answer(Reply { text: text.into(), usage: None })
    }

    #[tokio::test]
    async fn a_broken_answer_ends_at_its_last_whole_sentence_and_less_is_no_answer() {
        let heard = hear(vec![words("Hello. "), words("How a"), broken()], false).await;
        assert_eq!(heard, says("Hello."));
        let heard = hear(vec![words("Hell"), broken()], false).await;
        assert_eq!(heard, Heard::Failed(ModelError::Broken("silence".into())));
    }

    #[tokio::test]
    async fn a_whole_answer_stays_as_it_is_and_one_cut_at_its_longest_ends_with_a_sentence() {
        assert_eq!(hear(vec![words(" Hello. How"), words(" are you ")], false).await, says("Hello. How are you"));
        assert_eq!(hear(vec![words("Hello. How a"), Ok(Event::Cut)], false).await, says("Hello."));
        assert_eq!(hear(vec![words("Hello, how a"), Ok(Event::Cut)], false).await, says("Hello, how a"));
    }

    #[tokio::test]
    async fn an_answer_that_was_overtaken_is_dropped_before_a_word_is_shown() {
        assert_eq!(hear(vec![words("\n"), words("Hello."), words(" More.")], true).await, Heard::Overtaken);
    }

    #[tokio::test]
    async fn silence_is_no_answer() {
        assert!(matches!(hear(vec![words(" ")], false).await, Heard::Failed(ModelError::Away { .. })));
        let refused = ModelError::Moderated("m".into());
        assert_eq!(hear(vec![Err(refused.clone())], false).await, Heard::Failed(refused));
    }
}
