//! Which PromQL the configuration turns on.

use facts::configuration::PromqlSettings;
use promql::Settings;

/// The settings under which everything of a configuration, and every query beside it, is read.
pub fn settings(on: PromqlSettings) -> Settings {
    Settings {
        delayed_name_removal: on.delayed_name_removal,
        experimental_functions: on.experimental_functions,
        duration_expressions: on.duration_expressions,
        extended_range_selectors: on.extended_range_selectors,
        fill_modifiers: on.fill_modifiers,
        type_and_unit_labels: on.type_and_unit_labels,
        start_timestamps: on.start_timestamps,
    }
}
