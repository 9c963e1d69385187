//! A bot as anyone writes it with teloxide, unchanged but for the address of the Bot API.
//!
//! It runs in both of teloxide's ways to get updates. What it cannot understand fails its handler, and `Failures`
//! keeps that for the test: a bot that logs an error and goes on would hide a wrong answer of the simulator.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use teloxide::dispatching::{ShutdownToken, UpdateHandler};
use teloxide::error_handlers::ErrorHandler;
use teloxide::net::{Download, default_reqwest_settings};
use teloxide::prelude::*;
use teloxide::types::{InlineKeyboardButton, InlineKeyboardMarkup, InputFile, ReplyParameters};
use teloxide::update_listeners::{Polling, UpdateListener, webhooks};
use teloxide::utils::command::BotCommands;
use vitte_tests::telegram::{TOKEN, Telegram};

pub const PICTURE: &[u8] = include_bytes!("../../../services/sim/examples/moon.png");

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// teloxide's client, with its usual settings.
pub fn client(telegram: &Telegram) -> Bot {
    // Addresses of this machine are never behind a proxy.
    let http = default_reqwest_settings().no_proxy().build().unwrap();
    Bot::with_client(TOKEN, http).set_api_url(telegram.url().parse().unwrap())
}

#[derive(BotCommands, Clone)]
#[command(rename_rule = "lowercase")]
pub enum Command {
    #[command(description = "shows buttons")]
    Buttons,
    #[command(description = "sends a picture")]
    Photo,
    #[command(description = "sends a file")]
    Document,
}

fn handlers() -> UpdateHandler<Failure> {
    dptree::entry()
        .branch(
            Update::filter_message()
                .branch(dptree::entry().filter_command::<Command>().endpoint(command))
                .branch(Message::filter_photo().endpoint(photo))
                .branch(Message::filter_text().endpoint(echo)),
        )
        .branch(Update::filter_callback_query().endpoint(pressed))
}

async fn command(bot: Bot, message: Message, command: Command) -> Result<(), Failure> {
    match command {
        Command::Buttons => {
            let keyboard = InlineKeyboardMarkup::new([
                vec![InlineKeyboardButton::callback("One", "1"), InlineKeyboardButton::callback("Two", "2")],
                vec![InlineKeyboardButton::url("Elsewhere", "https://example.org/".parse()?)],
            ]);
            bot.send_message(message.chat.id, "which?").reply_markup(keyboard).await?;
        }
        Command::Photo => {
            let keyboard = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("Like", "like")]]);
            let picture = InputFile::memory(PICTURE);
            let sent = bot.send_photo(message.chat.id, picture).caption("the moon").reply_markup(keyboard).await?;
            let largest = sent.photo().and_then(|sizes| sizes.last()).ok_or("no photo in what was sent")?;
            // The same picture again, by the id that Telegram gave it.
            bot.send_photo(message.chat.id, InputFile::file_id(largest.file.id.clone())).await?;
        }
        Command::Document => {
            let file = InputFile::memory("Remember the milk.").file_name("notes.txt");
            let sent = bot.send_document(message.chat.id, file).await?;
            let document = sent.document().ok_or("no document in what was sent")?;
            let name = document.file_name.clone().unwrap_or_default();
            bot.send_message(message.chat.id, format!("{name}: {} bytes", document.file.size)).await?;
        }
    }
    Ok(())
}

async fn photo(bot: Bot, message: Message) -> Result<(), Failure> {
    let largest = message.photo().and_then(|sizes| sizes.last()).ok_or("no photo")?;
    let file = bot.get_file(largest.file.id.clone()).await?;
    let mut bytes = Vec::new();
    bot.download_file(&file.path, &mut bytes).await?;
    let same = bytes == PICTURE && usize::try_from(file.size)? == PICTURE.len();
    let caption = message.caption().unwrap_or_default();
    bot.send_message(message.chat.id, format!("{caption}: {}x{} {same}", largest.width, largest.height)).await?;
    Ok(())
}

async fn echo(bot: Bot, message: Message) -> Result<(), Failure> {
    let text = message.text().unwrap_or_default();
    let name = message.from.as_ref().map(|user| user.first_name.clone()).unwrap_or_default();
    let sent = bot
        .send_message(message.chat.id, format!("{name} said {text}"))
        .reply_parameters(ReplyParameters::new(message.id))
        .await?;
    if sent.reply_to_message().map(|replied| replied.id) != Some(message.id) {
        return Err("the answer replies to nothing".into());
    }
    if text == "wrong" {
        let edited = bot.edit_message_text(sent.chat.id, sent.id, "right").await?;
        edited.edit_date().ok_or("an edited message has no date of its edit")?;
    }
    Ok(())
}

async fn pressed(bot: Bot, query: CallbackQuery) -> Result<(), Failure> {
    let data = query.data.clone().unwrap_or_default();
    let message = query.regular_message().ok_or("the pressed message is not there")?;
    bot.edit_message_text(message.chat.id, message.id, format!("{} took {data}", query.from.first_name)).await?;
    bot.answer_callback_query(query.id.clone()).text("taken").show_alert(true).await?;
    Ok(())
}

/// Everything that went wrong in handlers or on the way of updates.
#[derive(Default)]
struct Failures(Mutex<Vec<String>>);

impl<E: std::fmt::Display + Send + 'static> ErrorHandler<E> for Failures {
    fn handle_error(self: Arc<Self>, error: E) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().push(error.to_string());
        Box::pin(async {})
    }
}

/// A bot at work, until it is stopped.
pub struct Running {
    failures: Arc<Failures>,
    stop: ShutdownToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub fn polling(bot: Bot) -> Self {
        let listener = Polling::builder(bot.clone()).timeout(std::time::Duration::from_secs(5)).build();
        Self::start(bot, listener)
    }

    /// Returns once the webhook is set.
    pub async fn webhook(bot: Bot) -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let options = webhooks::Options::new(address, format!("http://{address}/telegram/webhook").parse().unwrap());
        let (listener, stopped, router) = webhooks::axum_to_router(bot.clone(), options).await.unwrap();
        tokio::spawn(async move { axum::serve(socket, router).with_graceful_shutdown(stopped).await.unwrap() });
        Self::start(bot, listener)
    }

    fn start<L>(bot: Bot, listener: L) -> Self
    where
        L: UpdateListener + Send + 'static,
        L::Err: std::fmt::Display + std::fmt::Debug + Send + 'static,
        for<'a> <L as teloxide::update_listeners::AsUpdateStream<'a>>::Stream: Send,
    {
        let failures = Arc::new(Failures::default());
        let mut dispatcher = Dispatcher::builder(bot, handlers()).error_handler(failures.clone()).build();
        let stop = dispatcher.shutdown_token();
        let listening = failures.clone();
        let task = tokio::spawn(async move { dispatcher.dispatch_with_listener(listener, listening).await });
        Self { failures, stop, task }
    }

    /// Ends it as Ctrl-C does, and fails the test for anything that the bot did not understand.
    pub async fn stop(self) {
        vitte_tests::until("the bot to take its end", async || self.stop.shutdown().ok()).await.await;
        self.task.await.unwrap();
        assert_eq!(*self.failures.0.lock().unwrap(), Vec::<String>::new());
    }
}
