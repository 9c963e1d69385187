//! A module for tests: it answers so that order, repetition and loss can be seen.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vitte_platform::conversations::Step;
use vitte_platform::jobs::{Class, Job, JobContext, JobError, JobHandler, Schedule};
use vitte_platform::module::{Handlers, Module};
use vitte_platform::outbox::Priority;
use vitte_platform::telegram::{Button, Keyboard, Message};

/// `/say x` says x; `/fail`, `/panic`, `/broken-markup`; `/ask` opens a dialogue; free text is counted in the turn's
/// transaction and echoed with its number.
pub struct Talker;

#[derive(Serialize, Deserialize)]
enum Dialogue {
    Name,
    Town { name: String },
}

impl Step for Dialogue {
    const MODULE: &'static str = "talker";
}

/// Says so when it is done.
#[derive(Serialize, Deserialize)]
pub struct Report {
    pub chat_id: i64,
    pub text: String,
    pub key: Option<String>,
}

impl Job for Report {
    type State = ();
    const NAME: &'static str = "talker.report";
    const CLASS: Class = Class::Interactive;
    const ATTEMPTS: u16 = 3;

    fn key(&self) -> Option<String> {
        self.key.clone()
    }

    async fn run(self, (): &(), job: &mut JobContext) -> Result<(), JobError> {
        job.say(self.chat_id, Priority::Interactive, Message::plain(&self.text));
        Ok(())
    }
}

impl Module for Talker {
    fn name(&self) -> &'static str {
        "talker"
    }

    fn handlers(&self) -> Handlers {
        Handlers::new()
            .command("say", vec![("en", "says it".to_owned())], |turn, args| {
                Box::pin(async move {
                    turn.reply(Message::plain(args));
                    Ok(())
                })
            })
            .command("help", vec![], |turn, _| {
                Box::pin(async move {
                    turn.reply(Message::plain("help"));
                    Ok(())
                })
            })
            .command("fail", vec![], |turn, _| {
                Box::pin(async move {
                    turn.reply(Message::plain("never seen"));
                    anyhow::bail!("the handler failed on purpose")
                })
            })
            .command("panic", vec![], |_, _| Box::pin(async move { panic!("on purpose") }))
            .command("markup", vec![], |turn, _| {
                Box::pin(async move {
                    turn.reply(Message::html("<b>bold</i> &amp; more"));
                    Ok(())
                })
            })
            .command("many", vec![], |turn, args| {
                Box::pin(async move {
                    for n in 0..args.parse().unwrap_or(3) {
                        turn.reply(Message::plain(&format!("m{n}")));
                    }
                    Ok(())
                })
            })
            .command("job", vec![], |turn, args| {
                Box::pin(async move {
                    let job = Report { chat_id: turn.chat.id, text: args.to_owned(), key: None };
                    turn.enqueue(&job).await
                })
            })
            .command("button", vec![], |turn, _| {
                Box::pin(async move {
                    let button = Button::callback("press", "talker", &["pressed", "1"])?;
                    turn.reply(Message::plain("a button").keyboard(Keyboard(vec![vec![button]])));
                    Ok(())
                })
            })
            .command("ask", vec![], |turn, _| {
                Box::pin(async move {
                    turn.reply(Message::plain("your name?"));
                    turn.converse(&Dialogue::Name)
                })
            })
            .callback(|turn, data| {
                Box::pin(async move {
                    turn.toast("seen");
                    if let Some(id) = turn.pressed {
                        turn.edit(id, Message::plain(data));
                    }
                    Ok(())
                })
            })
            .conversation(|turn, message| {
                Box::pin(async move {
                    let text = message.text.clone().unwrap_or_default();
                    match turn.step::<Dialogue>() {
                        Some(Dialogue::Name) => {
                            turn.reply(Message::plain("your town?"));
                            turn.converse(&Dialogue::Town { name: text })?;
                        }
                        Some(Dialogue::Town { name }) => {
                            turn.reply(Message::plain(&format!("{name} of {text}")));
                            turn.end_conversation();
                        }
                        None => turn.end_conversation(),
                    }
                    Ok(())
                })
            })
            .free_text(|turn, message| {
                Box::pin(async move {
                    let n: i64 = sqlx::query_scalar(
                        "INSERT INTO talker (chat_id, n) VALUES ($1, 1)
                         ON CONFLICT (chat_id) DO UPDATE SET n = talker.n + 1 RETURNING n",
                    )
                    .bind(turn.chat.id)
                    .fetch_one(&mut *turn.tx)
                    .await?;
                    let text = message.text.as_deref().unwrap_or_default();
                    turn.reply(Message::plain(&format!("{n}: {text}")));
                    Ok(())
                })
            })
    }

    fn jobs(&self) -> Vec<JobHandler> {
        vec![JobHandler::new::<Report>(Arc::new(()))]
    }

    fn schedules(&self) -> Vec<Schedule> {
        let job = Report { chat_id: 1, text: "the bell".to_owned(), key: None };
        vec![Schedule::new("talker.bell", "* * * * *", Duration::from_secs(3600), &job).unwrap()]
    }
}
