//! The team that the tests are about: two engineers, one after the other, and a shop.

use std::path::Path;

/// A team's files.
#[derive(Debug, Clone)]
pub(crate) struct Team {
    /// Of the mail channel, after `channels: { email: `.
    email: String,
    wait: &'static str,
    objectives: &'static str,
    more: String,
}

impl Team {
    /// Mail goes to a server on this port, in clear.
    pub(crate) fn with_mail_at(port: u16) -> Self {
        Self {
            email: format!("smtp: \"127.0.0.1:{port}\", from: swan@shop.example, starttls: none"),
            wait: "10s",
            objectives: "      - { name: availability, sli: { requests: shop }, target: 99.9%, window: 28d }\n",
            more: String::new(),
        }
    }

    /// How Swan speaks to the mail server.
    pub(crate) fn mailing(mut self, email: &str) -> Self {
        email.clone_into(&mut self.email);
        self
    }

    /// How long the first engineer is waited for.
    pub(crate) fn waiting(mut self, wait: &'static str) -> Self {
        self.wait = wait;
        self
    }

    /// What the shop is judged by.
    pub(crate) fn judged_by(mut self, objectives: &'static str) -> Self {
        self.objectives = objectives;
        self
    }

    /// Further keys of the file.
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.more.push_str(more);
        self
    }

    /// Writes `swan.yaml`.
    pub(crate) fn write(&self, directory: &Path) {
        let Self { email, wait, objectives, more } = self;
        let text = format!(
            "services:
  shop:
    owner: web
    escalation: web
    components: [storefront, checkout]
    objectives:
{objectives}people:
  ana: {{ name: Ana, email: ana@shop.example }}
  bo: {{ name: Bo, email: bo@shop.example }}
teams: {{ web: [ana, bo] }}
rotations:
  first: {{ members: [ana], handoff: \"daily 09:00\" }}
  second: {{ members: [bo], handoff: \"daily 09:00\" }}
escalation:
  web:
    steps:
      - {{ notify: [rotation: first], wait: {wait} }}
      - {{ notify: [rotation: second], wait: 10m }}
status_pages:
  public: {{ title: Shop, components: [\"shop/*\"] }}
channels:
  email: {{ {email} }}
{more}"
        );
        std::fs::write(directory.join("swan.yaml"), text).expect("the directory can be written");
    }
}
