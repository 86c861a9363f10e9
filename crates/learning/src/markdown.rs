//! A post-mortem as Markdown. The timeline comes from the journal, so it is handed in.

use std::fmt::Write;

use facts::learning::{ActionPriority, Section};
use kernel::{Timestamp, WhyId};

use crate::{LeafEnd, PostMortem, State};

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineLine {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What, in one sentence.
    pub text: String,
}

const SECTIONS: [(Section, &str); 5] = [
    (Section::Summary, "Summary"),
    (Section::Detection, "Detection"),
    (Section::Recovery, "Recovery"),
    (Section::WentWell, "What went well"),
    (Section::WentBadly, "What went badly"),
];

/// The whole review. Parts that nobody has written yet say so in italics.
pub fn render(state: &State, review: &PostMortem, timeline: &[TimelineLine]) -> String {
    let mut out = String::new();
    let complete = review.completed_at.map_or_else(|| "draft".to_owned(), |at| format!("completed {at}"));
    write(&mut out, format_args!("# {} ({})\n\n", review.title, review.incident));
    write(&mut out, format_args!("{} · service {} · {complete}\n\n", review.id, review.service));
    impact(&mut out, review);
    for (section, heading) in SECTIONS {
        let text = review.sections.get(&section).map_or("_Not written yet._", String::as_str);
        write(&mut out, format_args!("## {heading}\n\n{text}\n\n"));
    }
    write(&mut out, format_args!("## Timeline\n\n"));
    for line in timeline {
        write(&mut out, format_args!("- {} **{}** {}\n", line.at, line.by, one_line(&line.text)));
    }
    write(&mut out, format_args!("\n## Five whys\n\n"));
    if review.whys.is_empty() {
        write(&mut out, format_args!("_Nobody has asked why yet._\n"));
    }
    whys(&mut out, state, review, None, 0);
    write(&mut out, format_args!("\n## Judgements that people made\n\n"));
    for judgement in &review.judgements {
        let by = judgement.person.as_ref().map_or_else(String::new, |person| format!(" ({person})"));
        write(&mut out, format_args!("- {}{by}\n", one_line(&judgement.text)));
    }
    actions(&mut out, state, review);
    out
}

fn impact(out: &mut String, review: &PostMortem) {
    let impact = &review.impact;
    write(out, format_args!("## Impact\n\n| | |\n| --- | --- |\n"));
    write(out, format_args!("| From | {} |\n| Until | {} |\n", impact.from, impact.until));
    write(out, format_args!("| Down | {} |\n", impact.down));
    if impact.unknown > kernel::Span::ZERO {
        write(out, format_args!("| Not measured | {} |\n", impact.unknown));
    }
    write(out, format_args!("| Failed requests while down | {} of {} |\n\n", impact.failed, impact.requests));
}

fn whys(out: &mut String, state: &State, review: &PostMortem, parent: Option<WhyId>, depth: usize) {
    for (id, why) in review.whys.iter().filter(|(_, why)| why.parent == parent) {
        let end = match (state.leaf_end(review, *id), &why.accepted) {
            (LeafEnd::Accepted, Some(reason)) => format!(" → risk accepted: {}", one_line(reason)),
            (LeafEnd::Action, _) => format!(" → {}", answers(state, review, *id)),
            (LeafEnd::Open, _) => " → _open_".to_owned(),
            _ => String::new(),
        };
        let indent = "  ".repeat(depth);
        write(out, format_args!("{indent}- {id}: {}{end}\n", one_line(&why.text)));
        whys(out, state, review, Some(*id), depth + 1);
    }
}

fn answers(state: &State, review: &PostMortem, why: WhyId) -> String {
    let actions = review.actions.iter().filter_map(|id| state.action(*id)).filter(|a| a.why == Some(why));
    actions.map(|action| action.id.to_string()).collect::<Vec<_>>().join(", ")
}

fn actions(out: &mut String, state: &State, review: &PostMortem) {
    write(out, format_args!("\n## Actions\n\n| id | priority | action | owner | due | done |\n"));
    write(out, format_args!("| --- | --- | --- | --- | --- | --- |\n"));
    for action in review.actions.iter().filter_map(|id| state.action(*id)) {
        let priority = match action.priority {
            ActionPriority::High => "high",
            ActionPriority::Medium => "medium",
            ActionPriority::Low => "low",
        };
        let done = action.done.as_ref().map_or_else(String::new, |(at, _)| at.to_string());
        let title = one_line(&action.title).replace('|', "\\|");
        write(
            out,
            format_args!(
                "| {} | {priority} | {title} | {} | {} | {done} |\n",
                action.id, action.owner, action.due
            ),
        );
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes all text");
}
