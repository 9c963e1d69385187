//! `/admin/people`: who talks to the bot.

use askama::Template;
use axum::extract::Query;
use serde::Deserialize;
use sqlx::FromRow;
use vitte_platform::clock::Timestamp;

use super::{PageResult, render};
use crate::desk::Desk;
use crate::view::{Frame, Paged, Pager, ROWS, When, name};

/// Of a search, characters.
const SEARCH: usize = 64;

#[derive(FromRow)]
struct Row {
    id: i64,
    telegram_id: i64,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    language: Option<String>,
    is_active: bool,
    is_bot_blocked: bool,
    created_at: Timestamp,
}

struct Person {
    id: i64,
    telegram_id: i64,
    name: String,
    username: Option<String>,
    language: String,
    closed: bool,
    blocked: bool,
    since: When,
}

#[derive(Template)]
#[template(path = "people.html")]
struct ListPage {
    frame: Frame,
    notice: Option<&'static str>,
    q: String,
    language: String,
    blocked: bool,
    languages: Vec<String>,
    people: Vec<Person>,
    pager: Pager,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Search {
    q: String,
    language: String,
    blocked: String,
    erased: Option<String>,
}

/// Part of a name, with what LIKE would take for more than a letter made plain.
fn pattern(q: &str) -> String {
    let plain = q.trim_start_matches('@').replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{plain}%")
}

pub async fn list(desk: Desk, Query(paged): Query<Paged>, Query(search): Query<Search>) -> PageResult {
    let q: String = search.q.trim().chars().take(SEARCH).collect();
    let language = desk.languages.iter().find(|l| **l == search.language).cloned().unwrap_or_default();
    let blocked = search.blocked == "yes";
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, telegram_id, username, first_name, last_name, coalesce(language, client_language) AS language,
            is_active, is_bot_blocked, created_at
         FROM users
         WHERE ($1 = '' OR telegram_id = $2 OR id = $2 OR username ILIKE $3
                OR concat_ws(' ', first_name, last_name) ILIKE $3)
           AND ($4 = '' OR split_part(coalesce(language, client_language), '-', 1) = $4)
           AND (NOT $5 OR is_bot_blocked)
         ORDER BY id DESC LIMIT $6 OFFSET $7",
    )
    .bind(&q)
    .bind(q.parse::<i64>().ok())
    .bind(pattern(&q))
    .bind(&language)
    .bind(blocked)
    .bind(ROWS + 1)
    .bind(paged.offset())
    .fetch_all(&desk.pool)
    .await?;
    let mut people: Vec<Person> = rows
        .into_iter()
        .map(|row| Person {
            id: row.id,
            telegram_id: row.telegram_id,
            name: name(row.first_name.as_deref(), row.last_name.as_deref(), row.username.as_deref()),
            username: row.username,
            language: row.language.unwrap_or_default(),
            closed: !row.is_active,
            blocked: row.is_bot_blocked,
            since: desk.when(row.created_at),
        })
        .collect();
    let mut fields = vec![("q", q.clone()), ("language", language.clone())];
    if blocked {
        fields.push(("blocked", "yes".to_owned()));
    }
    fields.retain(|(_, value)| !value.is_empty());
    let pager = paged.pager("/admin/people", fields, &mut people);
    Ok(render(&ListPage {
        frame: desk.frame("People"),
        notice: search.erased.map(|_| "The person and everything of theirs is erased."),
        q,
        language,
        blocked,
        languages: desk.languages.clone(),
        people,
        pager,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_means_its_letters() {
        assert_eq!(pattern("@50%_a\\"), "%50\\%\\_a\\\\%");
    }
}
