//! The shortest list of entries that makes the same world.

use super::World;
use super::bot::Bot;
use crate::entry::Entry;
use crate::model::ChatHead;

impl World {
    pub(super) fn snapshot(&self) -> Vec<Entry> {
        let mut entries = vec![self.floor()];
        entries.extend(self.people.values().cloned().map(Entry::Person));
        entries.extend(self.files.values().cloned().map(Entry::File));
        for bot in self.order.iter().filter_map(|id| self.bots.get(id)) {
            add_bot(&mut entries, bot);
        }
        entries
    }
}

fn add_bot(entries: &mut Vec<Entry>, bot: &Bot) {
    let id = bot.profile.id;
    entries.push(Entry::Bot(bot.profile.clone()));
    entries.push(Entry::Allowed { bot: id, kinds: bot.allowed.clone() });
    for ((scope, language), commands) in &bot.commands {
        let (scope, language, commands) = (scope.clone(), language.clone(), commands.clone());
        entries.push(Entry::Commands { bot: id, scope, language, commands });
    }
    for chat in bot.chats.values() {
        entries.push(Entry::Chat { bot: id, chat: chat.head.clone() });
        // In order of revision: `Chat::put` only ever lets it grow.
        let mut messages: Vec<_> = chat.messages.values().collect();
        messages.sort_by_key(|message| message.revision);
        let messages = messages.into_iter().map(|message| Box::new(message.clone()));
        entries.extend(messages.map(|message| Entry::Message { bot: id, message }));
    }
    // Apart, so that it does not push the messages' own revisions up.
    let revisions = bot.chats.values().map(|chat| ChatHead { revision: chat.revision, ..chat.head.clone() });
    entries.extend(revisions.map(|chat| Entry::Chat { bot: id, chat }));
    for query in &bot.queries {
        let query = query.clone();
        entries.push(Entry::Query { bot: id, id: query.id, chat: query.chat, person: query.person });
    }
    entries.extend(bot.queue.pending().cloned().map(Entry::Update));
    entries.push(Entry::Webhook { bot: id, webhook: bot.webhook.clone() });
}
