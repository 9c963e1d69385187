//! The methods of the Bot API, one function each, grouped by what they touch.

mod commands;
mod edit;
mod live;
mod profile;
mod send;
mod updates;

use super::answer::{Answer, ApiError};
use super::params::Params;
use crate::Sim;
use crate::model::MediaKind;
use crate::world::World;

macro_rules! methods {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// Every method that is known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Method { $($variant),+ }

        impl Method {
            const ALL: &[Self] = &[$(Self::$variant),+];

            /// In Telegram's spelling.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

methods! {
    GetMe = "getMe",
    GetUpdates = "getUpdates",
    SetWebhook = "setWebhook",
    DeleteWebhook = "deleteWebhook",
    GetWebhookInfo = "getWebhookInfo",
    SendMessage = "sendMessage",
    SendPhoto = "sendPhoto",
    SendVoice = "sendVoice",
    SendDocument = "sendDocument",
    SendChatAction = "sendChatAction",
    SendMessageDraft = "sendMessageDraft",
    EditMessageText = "editMessageText",
    EditMessageCaption = "editMessageCaption",
    EditMessageReplyMarkup = "editMessageReplyMarkup",
    DeleteMessage = "deleteMessage",
    AnswerCallbackQuery = "answerCallbackQuery",
    SetMyCommands = "setMyCommands",
    GetMyCommands = "getMyCommands",
    DeleteMyCommands = "deleteMyCommands",
    SetChatMenuButton = "setChatMenuButton",
    GetChat = "getChat",
    GetFile = "getFile",
}

impl Method {
    /// Upper and lower case do not matter, as at Telegram.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.name().eq_ignore_ascii_case(name))
    }

    /// Whether Telegram's rate limits count it: what a person gets, and in groups edits too.
    pub fn is_limited(self, chat: i64) -> bool {
        match self {
            Self::SendMessage | Self::SendPhoto | Self::SendVoice | Self::SendDocument => true,
            Self::EditMessageText | Self::EditMessageCaption | Self::EditMessageReplyMarkup => chat < 0,
            _ => false,
        }
    }

    pub async fn call(self, sim: &Sim, bot: i64, params: Params) -> Result<Answer, ApiError> {
        let params = &params;
        match self {
            Self::GetMe => profile::get_me(sim, bot),
            Self::GetChat => profile::get_chat(sim, bot, params),
            Self::GetFile => profile::get_file(sim, params),
            Self::GetUpdates => updates::get_updates(sim, bot, params).await,
            Self::SetWebhook => updates::set_webhook(sim, bot, params),
            Self::DeleteWebhook => updates::delete_webhook(sim, bot, params),
            Self::GetWebhookInfo => updates::get_webhook_info(sim, bot),
            Self::SendMessage => send::message(sim, bot, params),
            Self::SendPhoto => send::media(sim, bot, params, MediaKind::Photo).await,
            Self::SendVoice => send::media(sim, bot, params, MediaKind::Voice).await,
            Self::SendDocument => send::media(sim, bot, params, MediaKind::Document).await,
            Self::SendChatAction => live::chat_action(sim, bot, params),
            Self::SendMessageDraft => live::message_draft(sim, bot, params),
            Self::AnswerCallbackQuery => live::answer_callback_query(sim, bot, params),
            Self::EditMessageText => edit::text(sim, bot, params),
            Self::EditMessageCaption => edit::caption(sim, bot, params),
            Self::EditMessageReplyMarkup => edit::reply_markup(sim, bot, params),
            Self::DeleteMessage => edit::delete(sim, bot, params),
            Self::SetMyCommands => commands::set(sim, bot, params),
            Self::GetMyCommands => commands::get(sim, bot, params),
            Self::DeleteMyCommands => commands::delete(sim, bot, params),
            Self::SetChatMenuButton => Ok(Answer::TRUE),
        }
    }
}

/// The chat that a call names: it must exist, and its person must not have blocked the bot.
fn target(world: &World, bot: i64, params: &Params) -> Result<i64, ApiError> {
    if params.text("chat_id").is_none_or(|id| id.is_empty()) {
        return Err(ApiError::bad("chat_id is empty"));
    }
    let id = params.integer("chat_id").ok_or_else(|| ApiError::bad("chat not found"))?;
    let chat = world.chat(bot, id).ok_or_else(|| ApiError::bad("chat not found"))?;
    match (chat.head.blocked, chat.is_group()) {
        (true, true) => Err(ApiError::forbidden("bot was kicked from the supergroup chat")),
        (true, false) => Err(ApiError::forbidden("bot was blocked by the user")),
        (false, _) => Ok(id),
    }
}
