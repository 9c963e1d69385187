//! All that became of somebody's habits, as a CSV document (RFC 4180, UTF-8 with a mark for spreadsheets).

use anyhow::Result;
use vitte_platform::telegram::Message;
use vitte_platform::telegram::outgoing::Media;
use vitte_platform::turn::Turn;

use super::super::{Talking, me};
use crate::TEXTS;
use crate::store::{self, Record};

/// Rows of one document: ten habits for a quarter of a century, some megabytes at most.
const ROWS: i64 = 100_000;

pub async fn send(turn: &mut Turn, talking: &Talking) -> Result<()> {
    let person = me(turn, talking).await?;
    let id = turn.user.id;
    let records = store::records(&mut turn.tx, id, ROWS).await?;
    let texts = turn.texts(&TEXTS);
    if records.is_empty() {
        super::super::tell(turn, texts.get("export-empty"));
        return Ok(());
    }
    let head = texts.get("export-columns");
    let content = csv(&head, &records, |status| texts.get(&format!("export-{}", status.replace('_', "-"))));
    let file_name = format!("habits-{}.csv", person.today(turn.now));
    let media = Media::Upload { file_name, mime: "text/csv".to_owned(), content: content.into_bytes() };
    turn.reply(Message::document(media, texts.with("export-file", &[("count", records.len().into())])));
    Ok(())
}

/// `head`: the columns' names, separated by commas.
fn csv(head: &str, records: &[Record], status: impl Fn(&str) -> String) -> String {
    let mut all = format!("\u{feff}{head}\r\n");
    for record in records {
        let amount = record.amount.map(|amount| amount.to_string()).unwrap_or_default();
        let unit = record.unit.as_deref().unwrap_or_default();
        let fields =
            [field(&record.name), record.date.to_string(), field(&status(&record.status)), amount, field(unit)];
        all.push_str(&fields.join(","));
        all.push_str("\r\n");
    }
    all
}

/// In quotes where it must be. What a spreadsheet would take for a formula is text to it with an apostrophe.
fn field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
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
        let all = csv("a,b", &[record("Run, \"fast\"\nand far"), record("=1+1"), record("Бег")], str::to_uppercase);
        assert_eq!(
            all,
            "\u{feff}a,b\r\n\"Run, \"\"fast\"\"\nand far\",2026-11-21,DONE,3,km\r\n\
             '=1+1,2026-11-21,DONE,3,km\r\nБег,2026-11-21,DONE,3,km\r\n"
        );
    }
}
