//! How big anything of this slice may get. Each limit says what happens past it.

/// Alerts in one [`Command::ReceiveAlerts`](crate::Command::ReceiveAlerts); more are refused. A longer body is
/// submitted in parts.
pub const ALERTS_PER_COMMAND_MAX: usize = 4_000;
/// Alerts that one evaluation of a rule begins, fires or ends; the rest follows with the rule's next evaluation.
pub const TRANSITIONS_PER_EVALUATION_MAX: usize = 4_000;
/// Facts of one decision and of the reactions to it, estimated; what is left is decided by a wake that is due at
/// once. With the reactions to the last notification it stays below [`kernel::limits::FACTS_PER_COMMAND_MAX`].
pub const FACTS_PER_DECISION_MAX: usize = 8_000;
/// Facts that the notification of one group may lead to: its page, the notifications, an incident.
pub const FACTS_PER_NOTIFICATION: usize = 24;
/// Facts that the end of one group may lead to.
pub const FACTS_PER_GROUP_END: usize = 12;
/// Alerts that are pending or firing. Past it, rules begin no alert and posted alerts that are not known are
/// refused; Swan's own watch still raises its alerts.
pub const OPEN_ALERTS_MAX: usize = 500_000;
/// Silences that have not ended; more are refused.
pub const OPEN_SILENCES_MAX: usize = 10_000;
/// Ended silences that are remembered; the oldest is forgotten.
pub const ENDED_SILENCES_MAX: usize = 500;
/// Matchers of one silence; more are refused.
pub const MATCHERS_PER_SILENCE_MAX: usize = 64;
/// Longest regular expression of a matcher; longer is refused.
pub const PATTERN_BYTES_MAX: usize = 4_096;
/// Size of one compiled regular expression; larger is refused.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 1 << 20;
/// Annotations of one alert; more are refused.
pub const ANNOTATIONS_MAX: usize = 64;
/// Alert names that the low lane counts apart in one day; the rest is counted under [`OTHER_NAMES`].
pub const LOW_NAMES_PER_DAY_MAX: usize = 1_000;
/// What alert names past [`LOW_NAMES_PER_DAY_MAX`] are counted under.
pub const OTHER_NAMES: &str = "(other)";
/// Longest title of a group, in characters; it is cut there.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest template; longer is refused.
pub const TEMPLATE_BYTES_MAX: usize = 16 << 10;
/// Nesting of actions and parentheses in a template, and of what `args` makes; deeper is refused.
pub const TEMPLATE_NESTING_MAX: usize = 32;
/// Nesting while a template is expanded, with the templates that it calls; deeper is an error.
pub const TEMPLATE_DEPTH_MAX: usize = 128;
/// Steps that one expansion may take: nodes, commands and operands, and text by its length; more is an error.
pub const TEMPLATE_STEPS_MAX: usize = 100_000;
/// Queries that one expansion may ask; more is an error.
pub const TEMPLATE_QUERIES_MAX: usize = 32;
/// Different queries that the templates of one rule may ask in one evaluation; what asks more is an error.
pub const ANSWERS_MAX: usize = 2_000;
/// Elements of the answer to one query of a template; more is an error.
pub const ANSWER_SAMPLES_MAX: usize = 10_000;
/// Widest and most precise that `printf` writes a value; more is an error.
pub const PRINTF_WIDTH_MAX: usize = 256;
