//! The demo's page: the story, what is left of the budgets, the inbox, and how to take part. Rendered here, without a
//! script; it loads itself again while the story goes on.

use std::fmt::Write;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use kernel::Span;
use tokio::sync::watch;

use super::inbox::{Inbox, Mail};
use super::people::Player;
use super::sight::{Objective, Service, Sight};
use super::story::{Link, Story, Telling};

/// What the page shows.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    /// Swan's address.
    pub(super) swan: String,
    pub(super) story: Story,
    pub(super) inbox: Inbox,
    pub(super) sight: watch::Receiver<Sight>,
    /// Where the configuration can be read.
    pub(super) configuration: String,
}

/// Routes beside the shop's.
pub(super) fn routes(stage: Stage) -> Router {
    Router::new().route("/", get(page)).with_state(stage)
}

const STYLE: &str = "\
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;max-width:76rem;padding:1rem;color:#1b1f24;background:#fff}\
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.4rem 0 .4rem}h3{font-size:1rem;margin:0}\
.two{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:0 2.5rem}\
@media(max-width:55rem){.two{display:block}}\
ol{list-style:none;padding:0;margin:0}li.chapter{border-left:4px solid #c8cdd3;padding:.1rem 0 .5rem .8rem}\
li.chapter.last{border-color:#0b6e4f;background:#f0f8f4}li p{margin:.15rem 0}time{color:#57606a;margin-right:.4rem}\
a{color:#0550ae}a.into{margin-right:1rem;white-space:nowrap}.soft{color:#57606a}\
article{border:1px solid #c8cdd3;border-radius:6px;margin:0 0 .6rem;padding:.4rem .7rem}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem;margin:.3rem 0 0}\
meter{width:7rem;vertical-align:middle}table{border-collapse:collapse}td,th{text-align:left;padding:.15rem 1rem .15rem 0;white-space:nowrap}\
.down{color:#b42318;font-weight:600}code{font-size:.9em}button{font:inherit}";

async fn page(State(stage): State<Stage>) -> Html<String> {
    let told = stage.story.told();
    let is_over = stage.story.is_over();
    let sight = stage.sight.borrow().clone();
    let mut html = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">");
    if !is_over {
        html.push_str("<meta http-equiv=\"refresh\" content=\"2\">");
    }
    push(&mut html, format_args!("<title>Swan: the demo</title><style>{STYLE}</style>"));
    push(
        &mut html,
        format_args!(
            "<h1>Fernhill Shop, watched over by Swan</h1><p class=\"soft\">{} since the shop opened. Everything below comes \
         in and goes out by the doors that anybody uses; times are short, as <code>{}</code> says.</p>",
            clock(stage.story.began.elapsed()),
            escaped(&stage.configuration),
        ),
    );
    push_into(&mut html, &stage.swan);
    html.push_str("<div class=\"two\"><div>");
    push_story(&mut html, &stage.swan, &told, is_over);
    push_button(&mut html, &sight);
    html.push_str("</div><div>");
    push_services(&mut html, &stage.swan, &sight);
    push_inbox(&mut html, &stage.swan, &stage.inbox.newest_first());
    push_taking_part(&mut html);
    html.push_str("</div></div></html>");
    Html(html)
}

fn push_into(html: &mut String, swan: &str) {
    let pages = [
        ("Swan: what is going on now", "/"),
        ("Status page, as customers see it", "/status"),
        ("Incidents", "/incidents"),
        ("Post-mortems", "/post-mortems"),
        ("On call", "/oncall"),
    ];
    html.push_str("<p>");
    for (name, path) in pages {
        push_link(html, swan, &Link { name: name.to_owned(), path: path.to_owned() });
    }
    html.push_str("</p>");
}

fn push_story(html: &mut String, swan: &str, told: &[Telling], is_over: bool) {
    html.push_str("<h2>The story</h2><ol reversed>");
    if is_over {
        html.push_str(
            "<li class=\"chapter last\"><h3>That was it</h3><p>The shop stays open and Swan goes on; look around. \
             Ctrl-C in the terminal ends both.</p></li>",
        );
    }
    if told.is_empty() {
        html.push_str("<li class=\"chapter last\"><h3>The shop opens</h3></li>");
    }
    for (place, telling) in told.iter().rev().enumerate() {
        let class = if place == 0 && !is_over { "chapter last" } else { "chapter" };
        push(
            html,
            format_args!(
                "<li class=\"{class}\"><h3><time>{}</time>{}</h3><p>{}</p><p>",
                clock(telling.after),
                escaped(&telling.title),
                escaped(&telling.text),
            ),
        );
        for link in &telling.links {
            push_link(html, swan, link);
        }
        html.push_str("</p></li>");
    }
    html.push_str("</ol>");
}

/// Once somebody has the page, whoever watches may roll back too.
fn push_button(html: &mut String, sight: &Sight) {
    let taken = sight.page.as_ref().is_some_and(|page| page.acknowledged_by.is_some());
    if sight.is_bad && taken {
        html.push_str(
            "<form method=\"post\" action=\"/shop/rollback\"><p><button>Roll version 42 back yourself</button></p></form>",
        );
    }
    if let Some(next) = sight.page.as_ref().and_then(|page| page.next.as_ref()) {
        push(html, format_args!("<p class=\"soft\">The page {}.</p>", escaped(next)));
    }
}

fn push_services(html: &mut String, swan: &str, sight: &Sight) {
    html.push_str("<h2>Budgets</h2><table><tr><th>service<th>promise<th>left of its budget<th></tr>");
    for service in &sight.services {
        for objective in &service.objectives {
            push_objective(html, swan, service, objective);
        }
    }
    html.push_str("</table>");
}

fn push_objective(html: &mut String, swan: &str, service: &Service, objective: &Objective) {
    let left = (objective.budget - objective.spent).max(Span::ZERO);
    let part = left.as_secs_f64() / objective.budget.as_secs_f64().max(f64::MIN_POSITIVE);
    let down = if service.is_down { "<span class=\"down\">down</span>" } else { "" };
    let name = escaped(service.id.as_str());
    push(
        html,
        format_args!(
            "<tr><td><a href=\"{}/services/{name}\" target=\"_blank\">{name}</a><td>{} {} in {}\
         <td><meter min=\"0\" max=\"1\" value=\"{part:.3}\"></meter> {left} of {}<td>{down}</tr>",
            escaped(swan),
            escaped(objective.name.as_str()),
            escaped(&objective.target),
            escaped(&objective.window),
            objective.budget,
        ),
    );
}

fn push_inbox(html: &mut String, swan: &str, mails: &[Mail]) {
    html.push_str("<h2>The inbox</h2><p class=\"soft\">Mail that Swan sent by SMTP, newest first.</p>");
    if mails.is_empty() {
        html.push_str("<p>Nothing yet.</p>");
    }
    for mail in mails {
        push(
            html,
            format_args!(
                "<article><h3>{}</h3><p class=\"soft\"><time>{}</time>mail {} to {} from {}</p><pre>{}</pre></article>",
                escaped(&mail.letter.subject),
                clock(mail.after),
                mail.number,
                escaped(&mail.to.join(", ")),
                escaped(&mail.letter.from),
                linked(&mail.letter.text, swan),
            ),
        );
    }
}

fn push_taking_part(html: &mut String) {
    html.push_str(
        "<h2>Take part</h2><p>The link in a mail acts as the person it was sent to. Whoever calls from this machine is \
         let in without credentials; to act as a person instead, sign in with one of these, which were set as an \
         operator sets them, before Swan started:</p><table><tr><th>person<th>password</tr>",
    );
    for player in Player::ALL {
        push(
            html,
            format_args!("<tr><td>{}<td><code>{}</code></tr>", player.id(), escaped(player.password())),
        );
    }
    html.push_str("</table>");
}

fn push_link(html: &mut String, swan: &str, link: &Link) {
    push(
        html,
        format_args!(
            "<a class=\"into\" target=\"_blank\" href=\"{}{}\">{}</a>",
            escaped(swan),
            escaped(&link.path),
            escaped(&link.name)
        ),
    );
}

fn push(html: &mut String, content: std::fmt::Arguments<'_>) {
    html.write_fmt(content).expect("a String takes all text");
}

/// `1:05`
pub(super) fn clock(after: Duration) -> String {
    let seconds = after.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Text in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Escaped text in which words that are addresses at Swan are links.
fn linked(text: &str, swan: &str) -> String {
    let prefix = format!("{swan}/");
    let word = |word: &str| match word.starts_with(&prefix) {
        true => format!("<a target=\"_blank\" href=\"{0}\">{0}</a>", escaped(word)),
        false => escaped(word),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_can_bring_links_into_swan_and_no_other_markup() {
        let text = "<b>hi</b>\nAcknowledge: http://127.0.0.1:7926/ack/a\"b http://evil.example/x";
        assert_eq!(
            linked(text, "http://127.0.0.1:7926"),
            "&lt;b&gt;hi&lt;/b&gt;\nAcknowledge: <a target=\"_blank\" \
             href=\"http://127.0.0.1:7926/ack/a&quot;b\">http://127.0.0.1:7926/ack/a&quot;b</a> http://evil.example/x"
        );
    }

    #[test]
    fn time_is_told_in_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_millis(65_900)), "1:05");
    }
}
