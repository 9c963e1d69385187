//! The tree (pure): short, aligned, what is wrong in its place.

use std::fmt::Write;

use super::model::{BotView, EventView, MigrationView, PartView, PodView, State, WebhookView};
use crate::screen::{Colour, Paint, cut, harmless};

/// Of a message in a tree, in characters. The whole is in `-o yaml`.
const LONGEST: usize = 500;

/// One line of the tree, with what hangs under it.
struct Node {
    state: Option<State>,
    /// Padded to the widest of its siblings.
    title: String,
    text: String,
    /// Under the line: more words, or what to do.
    more: Vec<String>,
    children: Vec<Node>,
}

impl Node {
    fn new(state: impl Into<Option<State>>, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { state: state.into(), title: title.into(), text: text.into(), more: Vec::new(), children: Vec::new() }
    }
}

/// All bots, one tree each.
#[must_use]
pub fn render(views: &[BotView], paint: Paint) -> String {
    let mut out = String::new();
    for (index, view) in views.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        tree(&mut out, view, paint);
    }
    let mut notes: Vec<&String> = views.iter().flat_map(|view| &view.notes).collect();
    notes.dedup();
    notes.sort();
    notes.dedup();
    for note in notes {
        let _ = writeln!(out, "{}", paint.dim(&format!("note: {}", harmless(note))));
    }
    out
}

fn tree(out: &mut String, view: &BotView, paint: Paint) {
    let phase = paint.with(colour(view.state), &view.phase);
    let _ = writeln!(
        out,
        "{} {}  {phase}  {}  {}",
        mark(view.state, paint),
        paint.bold(&view.name),
        versions(view),
        paint.dim(&format!("namespace {}", view.namespace))
    );
    if !view.ready {
        for line in view.message.iter().flat_map(|message| lines(message)) {
            let _ = writeln!(out, "│ {line}");
        }
        if let Some(advice) = &view.advice {
            let _ = writeln!(out, "│ -> {}", harmless(advice));
        }
    }
    branches(out, "", &nodes(view), paint);
}

fn versions(view: &BotView) -> String {
    let given_up = match &view.failed_version {
        Some(failed) => format!(" ({failed} was given up)"),
        None => String::new(),
    };
    match (&view.version, &view.wanted_version) {
        (Some(runs), Some(wanted)) if runs != wanted => format!("{runs} runs, the spec asks for {wanted}{given_up}"),
        (Some(runs), _) => format!("{runs}{given_up}"),
        (None, Some(wanted)) => format!("{wanted} is asked for, nothing has served yet{given_up}"),
        (None, None) => given_up,
    }
}

fn nodes(view: &BotView) -> Vec<Node> {
    let mut nodes = conditions(view);
    nodes.extend(view.components.iter().map(part));
    nodes.extend(view.migration.iter().map(migration));
    nodes.extend(view.webhook.iter().map(webhook));
    nodes.extend(view.stores.iter().map(part));
    if !view.warnings.is_empty() {
        let children = view.warnings.iter().map(warning).collect();
        nodes.push(Node { children, ..Node::new(None, "warnings", "") });
    }
    nodes
}

/// What is fine shares one line. What the bot's own message says already is not repeated.
fn conditions(view: &BotView) -> Vec<Node> {
    let (fine, wrong): (Vec<_>, Vec<_>) = view.conditions.iter().partition(|condition| condition.state == State::Good);
    let said = |message: &str| view.message.as_deref() == Some(message);
    let worth_it = wrong.into_iter().filter(|c| !said(&c.message) && c.type_ != "Reconciling" && c.type_ != "Ready");
    let mut nodes: Vec<Node> = worth_it
        .map(|condition| {
            let mut message = lines(&condition.message);
            let first = if message.is_empty() { String::new() } else { format!(": {}", message.remove(0)) };
            let mut node = Node::new(condition.state, &condition.type_, format!("{}{first}", condition.reason));
            node.more = message;
            let told = view.advice.is_some() && condition.advice == view.advice;
            node.more
                .extend(condition.advice.iter().filter(|_| !told).map(|advice| format!("-> {}", harmless(advice))));
            node
        })
        .collect();
    // Of the two that tell of trouble, their absence is no news.
    let fine: Vec<&str> =
        fine.iter().map(|c| c.type_.as_str()).filter(|c| !["Stalled", "Reconciling", "Paused"].contains(c)).collect();
    if !fine.is_empty() {
        nodes.push(Node::new(State::Good, "conditions", fine.join(", ")));
    }
    nodes
}

fn part(part: &PartView) -> Node {
    let PartView { name, object: _, state, desired, ready, updated, image, revision, pods } = part;
    let mut text = format!("{ready}/{desired} ready");
    if updated < desired {
        let _ = write!(text, ", {updated} new");
    }
    let _ = write!(text, "  {image}");
    if let Some(revision) = revision {
        let _ = write!(text, "  template {revision}");
    }
    Node { children: pods.iter().map(pod).collect(), ..Node::new(*state, name, text) }
}

fn pod(pod: &PodView) -> Node {
    let PodView { name, reason, message, restarts, exit_code, last_words } = pod;
    let mut text = reason.clone();
    if *restarts > 0 {
        let _ = write!(text, ", {restarts} restart{}", if *restarts == 1 { "" } else { "s" });
    }
    if let Some(code) = exit_code {
        let _ = write!(text, ", exit code {code}");
    }
    let mut node = Node::new(None, name, text);
    node.more = message.iter().flat_map(|message| lines(message)).collect();
    node.more.extend(last_words.iter().flat_map(|words| lines(words)).map(|line| format!("said last: {line}")));
    node
}

fn migration(migration: &MigrationView) -> Node {
    let MigrationView { state, phase, job, attempt, image: _, finished_at, message, pods } = migration;
    let mut text = phase.clone();
    if let Some(attempt) = attempt.filter(|attempt| *attempt > 1) {
        let _ = write!(text, ", attempt {attempt}");
    }
    if let Some(finished) = finished_at {
        let _ = write!(text, ", ended {finished}");
    }
    if let Some(job) = job {
        let _ = write!(text, "  job/{job}");
    }
    let mut node = Node::new(*state, "migration", text);
    node.more = message.iter().filter(|_| *state == State::Bad).flat_map(|message| lines(message)).collect();
    node.children = pods.iter().map(pod).collect();
    node
}

fn webhook(webhook: &WebhookView) -> Node {
    let WebhookView { state, url, pending_updates, last_error } = webhook;
    let mut text = url.as_deref().filter(|url| !url.is_empty()).unwrap_or("Telegram has none").to_owned();
    if let Some(pending) = pending_updates.filter(|pending| *pending > 0) {
        let _ = write!(text, "  {pending} or more updates wait");
    }
    let mut node = Node::new(*state, "webhook", text);
    node.more = last_error.iter().flat_map(|e| lines(e)).map(|line| format!("last failed delivery: {line}")).collect();
    node
}

fn warning(event: &EventView) -> Node {
    let EventView { at: _, age, reason, object, count, note } = event;
    let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
    let note = harmless(note).split_whitespace().collect::<Vec<_>>().join(" ");
    Node::new(None, age, format!("{reason} {object}{times}: {}", cut(&note, 200)))
}

fn branches(out: &mut String, indent: &str, nodes: &[Node], paint: Paint) {
    let width = nodes.iter().map(|node| node.title.chars().count()).max().unwrap_or_default();
    let marked = nodes.iter().any(|node| node.state.is_some());
    for (index, node) in nodes.iter().enumerate() {
        let last = index + 1 == nodes.len();
        let (fork, below) = if last { ("└─", "   ") } else { ("├─", "│  ") };
        let mark = match node.state {
            Some(state) => format!("{} ", mark(state, paint)),
            None if marked => "  ".to_owned(),
            None => String::new(),
        };
        let pad = " ".repeat(width - node.title.chars().count());
        let line = format!("{indent}{fork} {mark}{}{pad}  {}", harmless(&node.title), harmless(&node.text));
        let _ = writeln!(out, "{}", line.trim_end());
        let below = format!("{indent}{below}");
        let under = if node.children.is_empty() { " " } else { "│" };
        for line in &node.more {
            let _ = writeln!(out, "{below}{under}    {}", paint.dim(line));
        }
        branches(out, &below, &node.children, paint);
    }
}

fn lines(text: &str) -> Vec<String> {
    harmless(&cut(text.trim(), LONGEST)).lines().map(str::to_owned).collect()
}

fn colour(state: State) -> Colour {
    match state {
        State::Good => Colour::Green,
        State::Busy => Colour::Yellow,
        State::Bad => Colour::Red,
    }
}

fn mark(state: State, paint: Paint) -> String {
    let sign = match state {
        State::Good => "✓",
        State::Busy => "…",
        State::Bad => "✗",
    };
    paint.with(colour(state), sign)
}
