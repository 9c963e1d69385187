use proptest::prelude::*;

use super::*;

/// An entity as a table cell: kind, offset, length, and what it carries.
fn cells(entities: &[Entity]) -> Vec<String> {
    entities
        .iter()
        .map(|e| {
            let kind = serde_json::to_value(e.kind).unwrap();
            let extra = [
                e.url.clone(),
                e.language.clone(),
                e.custom_emoji_id.clone(),
                e.user.as_ref().map(|u| u.id.to_string()),
            ];
            let extra: Vec<_> = extra.into_iter().flatten().collect();
            format!("{} {}+{} {}", kind.as_str().unwrap(), e.offset, e.length, extra.join(" ")).trim().to_owned()
        })
        .collect()
}

type Parser = fn(&str) -> Result<(String, Vec<Entity>), EntityError>;

fn check(parser: Parser, source: &str, text: &str, expected: &[&str]) {
    let (found, entities) = parser(source).unwrap();
    assert_eq!(found, text, "text of {source:?}");
    assert_eq!(cells(&entities), expected, "entities of {source:?}");
}

fn refuse(parser: Parser, source: &str, reason: &str) {
    let error = parser(source).unwrap_err();
    assert_eq!(error.to_string(), format!("can't parse entities: {reason}"), "of {source:?}");
}

#[test]
fn html_gives_telegrams_entities() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("<b>bold</b> and <strong>strong</strong>", "bold and strong", &["bold 0+4", "bold 9+6"]),
        ("<i>a</i><em>b</em>", "ab", &["italic 0+2"]),
        ("<u>a</u> <ins>b</ins>", "a b", &["underline 0+1", "underline 2+1"]),
        ("<s>a</s> <del>b</del>", "a b", &["strikethrough 0+1", "strikethrough 2+1"]),
        ("<span class=\"tg-spoiler\">a</span>", "a", &["spoiler 0+1"]),
        ("<span class=\"other\">a</span>", "a", &[]),
        ("<tg-spoiler>a</tg-spoiler>", "a", &["spoiler 0+1"]),
        ("<a href=\"https://example.org/?a=1&amp;b=2\">x</a>", "x", &["text_link 0+1 https://example.org/?a=1&b=2"]),
        ("<a href=example.org>x</a>", "x", &["text_link 0+1 http://example.org/"]),
        ("<a href=\"javascript:alert(1)\">x</a>", "x", &[]),
        ("<a href=\"tg://user?id=42\">x</a>", "x", &["text_mention 0+1 42"]),
        ("<code>a</code>", "a", &["code 0+1"]),
        ("<pre>a</pre>", "a", &["pre 0+1"]),
        ("<pre><code class=\"language-rust\">fn</code></pre>", "fn", &["pre 0+2 rust"]),
        ("<blockquote>a</blockquote>", "a", &["blockquote 0+1"]),
        ("<blockquote expandable>a</blockquote>", "a", &["expandable_blockquote 0+1"]),
        ("<tg-emoji emoji-id=\"5368324170671202286\">👍</tg-emoji>", "👍", &["custom_emoji 0+2 5368324170671202286"]),
        ("<b>a <i>b</i></b>", "a b", &["bold 0+3", "italic 2+1"]),
        ("👍<b>б</b>", "👍б", &["bold 2+1"]),
        ("<b>a<code>b</code>c</b>", "abc", &["bold 0+1", "code 1+1", "bold 2+1"]),
        ("<B>a</B >", "a", &["bold 0+1"]),
        ("<b></b>a", "a", &[]),
        ("&lt;b&gt; &amp; &quot;&#39;&#x263a; &nbsp; &", "<b> & \"'☺ &nbsp; &", &[]),
        ("  <b> a </b>\n", "a", &["bold 0+1"]),
        ("a\r\nb", "a\nb", &[]),
    ];
    for (source, text, expected) in cases {
        check(parse_html, source, text, expected);
    }
}

#[test]
fn html_is_refused_in_telegrams_words() {
    refuse(parse_html, "ab <foo>", "Unsupported start tag \"foo\" at byte offset 3");
    refuse(parse_html, "<b>a", "Can't find end tag corresponding to start tag \"b\"");
    refuse(parse_html, "<b>a</i>", "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\"");
    refuse(parse_html, "a</b>", "Unexpected end tag at byte offset 1");
    refuse(parse_html, "a<b", "Unclosed start tag at byte offset 1");
    refuse(parse_html, "<b>a</b", "Unclosed end tag at byte offset 4");
    refuse(parse_html, "я < я", "Unsupported start tag \"\" at byte offset 3");
    refuse(parse_html, "<a =x>a</a>", "Empty attribute name in the tag \"a\" at byte offset 0");
}

#[test]
fn markdown_v2_gives_telegrams_entities() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "*bold* _it_ __un__ ~st~ ||sp||",
            "bold it un st sp",
            &["bold 0+4", "italic 5+2", "underline 8+2", "strikethrough 11+2", "spoiler 14+2"],
        ),
        ("*a _b_*", "a b", &["bold 0+3", "italic 2+1"]),
        ("___a_**__", "a", &["italic 0+1", "underline 0+1"]),
        ("[x](https://example.org/a\\)b)", "x", &["text_link 0+1 https://example.org/a)b"]),
        ("[x](tg://user?id=42)", "x", &["text_mention 0+1 42"]),
        ("![👍](tg://emoji?id=5368324170671202286)", "👍", &["custom_emoji 0+2 5368324170671202286"]),
        ("`a*b`", "a*b", &["code 0+3"]),
        ("```rust\nfn a\\`b```", "fn a`b", &["pre 0+6 rust"]),
        ("```\na```", "a", &["pre 0+1"]),
        (">a\n>b\nc", "a\nb\nc", &["blockquote 0+3"]),
        (">a\n>b||", "a\nb", &["expandable_blockquote 0+3"]),
        (">a\n**>b||\nc", "a\nb\nc", &["blockquote 0+1", "expandable_blockquote 2+1"]),
        ("a\\.b\\!", "a.b!", &[]),
        ("a\\я", "a\\я", &[]),
    ];
    for (source, text, expected) in cases {
        check(parse_markdown_v2, source, text, expected);
    }
}

#[test]
fn markdown_v2_is_refused_in_telegrams_words() {
    let reserved = |c: char| format!("Character '{c}' is reserved and must be escaped with the preceding '\\'");
    refuse(parse_markdown_v2, "Hi.", &reserved('.'));
    refuse(parse_markdown_v2, "a-b", &reserved('-'));
    refuse(parse_markdown_v2, "a > b", &reserved('>'));
    refuse(parse_markdown_v2, "a | b", &reserved('|'));
    refuse(parse_markdown_v2, "*a", "Can't find end of Bold entity at byte offset 0");
    refuse(parse_markdown_v2, "я _a", "Can't find end of Italic entity at byte offset 3");
    refuse(parse_markdown_v2, "```rust\na", "Can't find end of PreCode entity at byte offset 0");
    refuse(parse_markdown_v2, "[a](b", "Can't find end of a URL at byte offset 3");
    refuse(parse_markdown_v2, ">*a\nb*", "Can't find end of Bold entity at byte offset 1");
    refuse(parse_markdown_v2, "![a]b", "Custom emoji entity must contain a tg://emoji URL");
}

#[test]
fn legacy_markdown_gives_telegrams_entities() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "*bold* _it_ `co` [x](http://example.org/)",
            "bold it co x",
            &["bold 0+4", "italic 5+2", "code 8+2", "text_link 11+1 http://example.org/"],
        ),
        ("```rust\nfn```", "fn", &["pre 0+2 rust"]),
        ("```fn```", "fn", &["pre 0+2"]),
        ("*a _b*", "a _b", &["bold 0+4"]),
        ("a\\_b \\x", "a_b \\x", &[]),
        ("[x] y", "x y", &[]),
        ("a.b!", "a.b!", &[]),
    ];
    for (source, text, expected) in cases {
        check(parse_markdown, source, text, expected);
    }
    refuse(parse_markdown, "a_b", "Can't find end of the entity starting at byte offset 1");
    refuse(parse_markdown, "[x", "Can't find end of the entity starting at byte offset 0");
}

#[test]
fn plain_text_shows_commands_links_mentions_and_tags() {
    let cases: &[(&str, &[&str])] = &[
        ("/start now", &["bot_command 0+6"]),
        ("see /help@vitte_bot, a/b", &["bot_command 4+15"]),
        ("hi @someone and a@b", &["mention 3+8"]),
        ("#тег #1 #a1", &["hashtag 0+4", "hashtag 8+3"]),
        ("https://example.org/a_(b). (http://x.io)", &["url 0+25", "url 28+11"]),
        ("go to Example.com, or x.notatld", &["url 6+11"]),
        ("write me@example.org.", &["email 6+14"]),
        ("http://localhost:8080/docs", &["url 0+26"]),
        ("👍 /a", &["bot_command 3+2"]),
        ("1/2 and https://", &[]),
    ];
    for (source, expected) in cases {
        let (text, entities) = parse_plain(source);
        assert_eq!(text, *source);
        assert_eq!(cells(&entities), *expected, "entities of {source:?}");
    }
}

#[test]
fn nothing_is_found_inside_code_or_links() {
    check(parse_html, "<code>/start</code>", "/start", &["code 0+6"]);
    check(parse_html, "<a href=\"example.org\">@someone</a>", "@someone", &["text_link 0+8 http://example.org/"]);
    check(parse_html, "<b>/start</b>", "/start", &["bot_command 0+6", "bold 0+6"]);
}

#[test]
fn explicit_entities_outside_the_text_are_dropped() {
    let entity = |offset, length| Entity::new(EntityKind::Bold, offset, length);
    let (_, kept) = with_entities("a👍b", vec![entity(0, 1), entity(2, 1), entity(3, 9), entity(u32::MAX, 2)]);
    assert_eq!(cells(&kept), ["bold 0+1"]);
}

#[test]
fn entities_are_written_in_telegrams_form() {
    let (_, entities) = parse_html("<a href=\"tg://user?id=7\">x</a><pre>y</pre>").unwrap();
    let json = serde_json::to_value(&entities).unwrap();
    assert_eq!(
        json,
        serde_json::json!([
            {"type": "text_mention", "offset": 0, "length": 1, "user": {"id": 7, "is_bot": false, "first_name": "User 7"}},
            {"type": "pre", "offset": 1, "length": 1},
        ])
    );
    let back: Vec<Entity> = serde_json::from_value(json).unwrap();
    assert_eq!(back, entities);
}

#[test]
fn the_page_gets_escaped_markup() {
    let cases = [
        ("<b>a &lt;i&gt;</b>", "<b>a &lt;i&gt;</b>"),
        (
            "<a href=\"https://e.org/?q=%22&quot;&gt;\">x</a>",
            "<a href=\"https://e.org/?q=%22&quot;&gt;\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">x</a>",
        ),
        ("<blockquote>q</blockquote>\nrest", "<blockquote>q</blockquote>rest"),
        ("<pre><code class=\"language-&quot;x\">y</code></pre>", "<pre data-language=\"&quot;x\">y</pre>"),
        ("/help", "<span class=\"command\">/help</span>"),
        ("<b>/help</b>", "<span class=\"command\"><b>/help</b></span>"),
    ];
    for (source, expected) in cases {
        let (text, entities) = parse_html(source).unwrap();
        assert_eq!(to_html(&text, &entities), expected, "markup of {source:?}");
    }
}

#[test]
fn a_hostile_address_is_no_link_on_the_page() {
    let mut link = Entity::new(EntityKind::TextLink, 0, 1);
    link.url = Some("JavaScript:alert(1)".to_owned());
    assert_eq!(to_html("x", &[link]), "<span>x</span>");
}

#[test]
fn overlapping_entities_are_closed_and_opened_again() {
    let entities = [Entity::new(EntityKind::Bold, 0, 2), Entity::new(EntityKind::Italic, 1, 2)];
    assert_eq!(to_html("abc", &entities), "<b>a<i>b</i></b><i>c</i>");
}

const STYLES: [(&str, &str, &str, EntityKind); 5] = [
    ("b", "*", "*", EntityKind::Bold),
    ("i", "_", "_", EntityKind::Italic),
    ("u", "__", "__", EntityKind::Underline),
    ("s", "~", "~", EntityKind::Strikethrough),
    ("code", "`", "`", EntityKind::Code),
];

/// What a careful bot does before it sends a text as HTML or MarkdownV2.
fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn escape_markdown_v2(text: &str) -> String {
    let special = |c: char| c.is_ascii_punctuation();
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// What the page's reader sees: the markup without its tags.
fn without_tags(html: &str) -> String {
    let mut inside = false;
    let visible: String = html
        .chars()
        .filter(|c| {
            let tag = *c == '<' || inside;
            inside = (inside || *c == '<') && *c != '>';
            !tag
        })
        .collect();
    visible
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

fn fits(text: &str, entities: &[Entity]) -> bool {
    let units: Vec<u16> = text.encode_utf16().collect();
    entities.iter().all(|e| {
        let range = e.offset as usize..e.end() as usize;
        e.length > 0 && units.get(range).is_some_and(|piece| String::from_utf16(piece).is_ok())
    })
}

/// Letters, marks and markup close together, so that the parsers' branches are met.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<b>"),
        Just("</b>"),
        Just("<pre>"),
        Just("</pre>"),
        Just("<code class=\"language-x\">"),
        Just("</code>"),
        Just("<a href='"),
        Just("'>"),
        Just("</a>"),
        Just("<blockquote expandable>"),
        Just("</blockquote>"),
        Just("&#"),
        Just("&lt"),
        Just(";"),
        Just("\\"),
        Just("*"),
        Just("_"),
        Just("__"),
        Just("||"),
        Just("~"),
        Just("```"),
        Just("`"),
        Just("["),
        Just("]("),
        Just(")"),
        Just("!["),
        Just("tg://emoji?id=1"),
        Just("tg://user?id=1"),
        Just("\n>"),
        Just(">"),
        Just("\n"),
        Just("👍"),
        Just("я"),
        Just("/a"),
        Just("@name1"),
        Just("#t"),
        Just("http://a.ru/"),
        Just("a@b.ru"),
        Just(" "),
        Just("x"),
        Just("\u{301}"),
        Just("\r"),
        Just("\0"),
    ];
    prop_oneof![prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()), any::<String>(),]
}

proptest! {
    #[test]
    fn no_input_breaks_a_parser(source in nasty()) {
        let parsers: [Parser; 4] =
            [parse_html, parse_markdown_v2, parse_markdown, |text| Ok(parse_plain(text))];
        for parser in parsers {
            if let Ok((text, entities)) = parser(&source) {
                prop_assert!(fits(&text, &entities), "{entities:?} in {text:?}");
                let _ = to_html(&text, &entities);
            }
        }
    }

    #[test]
    fn escaped_text_comes_back_unchanged(text in "[ -~яёЖ👍\n]{0,60}") {
        let trimmed = text.trim();
        prop_assert_eq!(parse_html(&escape_html(&text)).unwrap().0, trimmed);
        prop_assert_eq!(parse_markdown_v2(&escape_markdown_v2(&text)).unwrap().0, trimmed);
    }

    #[test]
    fn html_and_markdown_v2_agree(pieces in prop::collection::vec((0..STYLES.len(), "[a-zя👍<&.!-]{1,8}"), 1..8)) {
        let (mut html, mut markdown, mut expected) = (String::new(), String::new(), Vec::new());
        let mut units = 0;
        for (style, text) in &pieces {
            let (tag, start, end, kind) = STYLES[*style];
            html.push_str(&format!("<{tag}>{}</{tag}> ", escape_html(text)));
            markdown.push_str(&format!("{start}{}{end} ", escape_markdown_v2(text)));
            let length = utf16_len(text);
            expected.push(Entity::new(kind, units, length));
            units += length + 1;
        }
        let from_html = parse_html(&html).unwrap();
        prop_assert_eq!(&from_html, &parse_markdown_v2(&markdown).unwrap());
        let styled: Vec<_> = from_html.1.into_iter().filter(|e| e.kind.is_style() || e.kind.is_code()).collect();
        prop_assert_eq!(styled, expected);
    }

    #[test]
    fn the_page_shows_the_whole_text(text in "[ -~яёЖ👍\n]{0,40}", ranges in prop::collection::vec((0u32..40, 1u32..20, 0usize..5), 0..6)) {
        let entities = ranges.into_iter().map(|(offset, length, style)| Entity::new(STYLES[style].3, offset, length)).collect();
        let (text, entities) = with_entities(&text, entities);
        prop_assert_eq!(without_tags(&to_html(&text, &entities)), text);
    }
}
