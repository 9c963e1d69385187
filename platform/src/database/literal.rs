//! Arguments of `EXECUTE`, written into the statement: the one place where values become SQL.
//!
//! A statement with bound parameters is a round trip of its own; `EXECUTE` with its arguments in place can share one
//! with `BEGIN` or `COMMIT`. What goes in is typed. Numbers, booleans and ids can hold nothing but digits; every text
//! travels as hex, so that there is nothing to quote, and PostgreSQL's own log of a statement shows nobody's words.

use std::fmt::Write;

use chrono::Timelike;
use uuid::Uuid;

use crate::clock::Timestamp;

/// `EXECUTE name(...)`, argument by argument, in the order of the prepared statement's parameters.
pub struct Execute {
    sql: String,
    empty: bool,
}

impl Execute {
    /// `name` is the code's own: a prepared statement of [`super::lanes::Prepared`].
    pub fn new(name: &'static str) -> Self {
        Self { sql: format!("EXECUTE {name}("), empty: true }
    }

    fn next(&mut self) -> &mut String {
        if !std::mem::take(&mut self.empty) {
            self.sql.push(',');
        }
        &mut self.sql
    }

    /// An integer of any width, or NULL.
    #[must_use]
    pub fn number(mut self, value: impl Into<Option<i64>>) -> Self {
        number(self.next(), value.into());
        self
    }

    #[must_use]
    pub fn timestamp(mut self, value: Timestamp) -> Self {
        let (date, time, micros) = (value.date_naive(), value.time(), value.timestamp_subsec_micros());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        // Writing into a string cannot fail, here and below.
        let _ = write!(self.next(), "'{date}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z'");
        self
    }

    /// Any text, or NULL.
    #[must_use]
    pub fn text(mut self, value: Option<&str>) -> Self {
        let out = self.next();
        match value {
            None => out.push_str("NULL"),
            Some(text) if is_word(text) => {
                let _ = write!(out, "'{text}'");
            }
            Some(text) => {
                out.push_str("convert_from(");
                bytes(out, text.as_bytes());
                out.push_str(",'UTF8')");
            }
        }
        self
    }

    #[must_use]
    pub fn numbers(self, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        self.array(values, number)
    }

    #[must_use]
    pub fn booleans(self, values: impl IntoIterator<Item = bool>) -> Self {
        self.array(values, |out, value| out.push(if value { 't' } else { 'f' }))
    }

    #[must_use]
    pub fn uuids(self, values: impl IntoIterator<Item = Uuid>) -> Self {
        self.array(values, |out, value| {
            let _ = write!(out, "{value}");
        })
    }

    /// `bytea[]`, at least one.
    #[must_use]
    pub fn byte_strings<'a>(mut self, values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let out = self.next();
        out.push_str("ARRAY[");
        for (n, value) in values.into_iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            bytes(out, value);
        }
        out.push(']');
        self
    }

    fn array<T>(mut self, values: impl IntoIterator<Item = T>, one: impl Fn(&mut String, T)) -> Self {
        let out = self.next();
        out.push_str("'{");
        for (n, value) in values.into_iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            one(out, value);
        }
        out.push_str("}'");
        self
    }

    pub fn into_sql(mut self) -> String {
        self.sql.push(')');
        self.sql
    }
}

fn number(out: &mut String, value: Option<i64>) {
    let _ = match value {
        Some(value) => write!(out, "{value}"),
        None => write!(out, "NULL"),
    };
}

fn bytes(out: &mut String, value: &[u8]) {
    out.push_str("decode('");
    out.push_str(&hex::encode(value));
    out.push_str("','hex')");
}

/// Letters, digits and underscores: nothing in it can mean anything to SQL.
fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arguments_stand_in_their_order_and_are_typed() {
        let sql = Execute::new("p")
            .number(-5)
            .number(None)
            .timestamp(Timestamp::UNIX_EPOCH)
            .text(Some("message"))
            .text(None)
            .numbers([Some(1), None])
            .booleans([true, false])
            .uuids([Uuid::nil()])
            .byte_strings([b"a'".as_slice(), b""])
            .into_sql();
        assert_eq!(
            sql,
            "EXECUTE p(-5,NULL,'1970-01-01T00:00:00.000000Z','message',NULL,'{1,NULL}','{t,f}',\
             '{00000000-0000-0000-0000-000000000000}',ARRAY[decode('6127','hex'),decode('','hex')])"
        );
    }

    proptest! {
        /// Breaks when a text is put in as it is.
        #[test]
        fn no_text_can_leave_its_place(text in ".*", more in "[a-z'\\\\;$()-]{0,20}") {
            for text in [text, more] {
                let sql = Execute::new("p").text(Some(&text)).byte_strings([text.as_bytes()]).into_sql();
                // Nothing of a text is left but letters, digits and underscores between two quotes.
                let inside: Vec<&str> = sql.split('\'').skip(1).step_by(2).collect();
                prop_assert!(inside.iter().all(|part| is_word(part)), "{sql}");
                let outside: String = sql.split('\'').step_by(2).collect();
                let known = ["EXECUTE p(convert_from(decode(,),),ARRAY[decode(,)])", "EXECUTE p(,ARRAY[decode(,)])"];
                prop_assert!(known.contains(&outside.as_str()), "{outside}");
            }
        }
    }
}
