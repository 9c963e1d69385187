//! All that became of somebody's habits, as a CSV document (RFC 4180, UTF-8 with a mark for spreadsheets). A spreadsheet
//! opens it in columns where they are parted as its language does: in Russian by semicolons.

use serde::{Deserialize, Serialize};
use vitte_platform::jobs::{Class, Job, JobContext, JobError};
use vitte_platform::outbox::Priority;
use vitte_platform::telegram::Message;
use vitte_platform::telegram::outgoing::Media;
use vitte_platform::texts::Texts;

use super::Reminding;
use crate::TEXTS;
use crate::store::{self, Record};

/// Rows of one document: ten habits for a quarter of a century, some megabytes at most.
const ROWS: i64 = 100_000;

/// Write it all down and send it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Our id of the person.
    pub user: i64,
    pub chat: i64,
    /// One of the bot's.
    pub language: String,
}

impl Job for Export {
    type State = Reminding;
    const NAME: &'static str = "habits.export";
    const CLASS: Class = Class::Media;
    const ATTEMPTS: u16 = 5;

    /// A second press before the document is there asks for the same one, and who is forgotten takes it along.
    fn key(&self) -> Option<String> {
        Some(self.chat.to_string())
    }

    async fn run(self, state: &Reminding, job: &mut JobContext) -> Result<(), JobError> {
        let now = job.clock.now();
        let mut c = job.pool.acquire().await?;
        // Forgotten since: nobody waits for it.
        let Some(person) = store::person(&mut c, &state.settings, self.user).await? else { return Ok(()) };
        let records = store::records(&mut c, self.user, ROWS).await?;
        drop(c);
        let texts = Texts::new(&TEXTS, &self.language);
        let message = if records.is_empty() {
            Message::html(texts.get("export-empty"))
        } else {
            let (separator, head) = (texts.get("export-separator"), texts.get("export-columns"));
            let content =
                csv(&separator, &head, &records, |status| texts.get(&format!("export-{}", status.replace('_', "-"))));
            let file_name = format!("habits-{}.csv", person.today(now));
            let media = Media::Upload { file_name, mime: "text/csv".to_owned(), content: content.into_bytes() };
            Message::document(media, texts.with("export-file", &[("count", records.len().into())]))
        };
        job.say(self.chat, Priority::Interactive, message);
        Ok(())
    }
}

/// `head`: the columns' names, with commas between them.
fn csv(separator: &str, head: &str, records: &[Record], status: impl Fn(&str) -> String) -> String {
    let mut all = format!("\u{feff}{}\r\n", head.replace(',', separator));
    for record in records {
        let amount = record.amount.map(|amount| amount.to_string()).unwrap_or_default();
        let unit = record.unit.as_deref().unwrap_or_default();
        let fields =
            [field(&record.name), record.date.to_string(), field(&status(&record.status)), amount, field(unit)];
        all.push_str(&fields.join(separator));
        all.push_str("\r\n");
    }
    all
}

/// In quotes where it must be. What a spreadsheet would take for a formula is text to it with an apostrophe.
fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', ';', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_quotes_lines_and_formulas_stay_one_field_of_text() {
        let record = |name: &str| Record {
            name: name.to_owned(),
            date: "2026-11-21".parse().unwrap(),
            status: "done".to_owned(),
            amount: Some(3),
            unit: Some("km".to_owned()),
        };
        let all =
            csv(",", "a,b", &[record("Run, \"fast\"\nand far"), record("=1+1"), record("Бег")], str::to_uppercase);
        assert_eq!(
            all,
            "\u{feff}a,b\r\n\"Run, \"\"fast\"\"\nand far\",2026-11-21,DONE,3,km\r\n\
             '=1+1,2026-11-21,DONE,3,km\r\nБег,2026-11-21,DONE,3,km\r\n"
        );
        let all = csv(";", "a,b", &[record("Чай; потом =2")], str::to_uppercase);
        assert_eq!(all, "\u{feff}a;b\r\n\"Чай; потом =2\";2026-11-21;DONE;3;km\r\n");
    }
}
