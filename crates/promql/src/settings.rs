//! Which parts of PromQL are on: what Prometheus keeps behind its feature flags.

/// Each setting has the meaning of the feature flag of Prometheus that its document names; all are off by default,
/// as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// The metric name is dropped when the whole query is evaluated, not by each function
    /// (`promql-delayed-name-removal`).
    pub delayed_name_removal: bool,
    /// `limitk`, `limit_ratio`, `info`, `sort_by_label`, `mad_over_time` and their like
    /// (`promql-experimental-functions`).
    pub experimental_functions: bool,
    /// Arithmetic in ranges, steps and offsets: `[2 * step()]` (`promql-duration-expr`).
    pub duration_expressions: bool,
    /// The modifiers `anchored` and `smoothed` (`promql-extended-range-selectors`).
    pub extended_range_selectors: bool,
    /// The modifiers `fill`, `fill_left` and `fill_right` of binary operators (`promql-binop-fill-modifiers`).
    pub fill_modifiers: bool,
    /// Counters are known by their label `__type__` rather than by the ending of their name
    /// (`type-and-unit-labels`).
    pub type_and_unit_labels: bool,
    /// Counter resets are also seen in the times at which samples say that they began (`use-start-timestamps`).
    pub start_timestamps: bool,
}

impl Settings {
    /// Everything that Prometheus has behind feature flags.
    pub const ALL: Self = Self {
        delayed_name_removal: true,
        experimental_functions: true,
        duration_expressions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        type_and_unit_labels: true,
        start_timestamps: true,
    };
}
