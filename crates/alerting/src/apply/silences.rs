//! Silences begin, reach alerts, and end.

use std::collections::{BTreeMap, BTreeSet};

use facts::alerting::{AlertingFact, Matcher};
use facts::{Entry, Fact};
use kernel::{SilenceId, Timestamp};

use crate::state::{Silence, Standing, State};
use crate::{WakeReason, limits};

impl State {
    pub(super) fn silence_created(&mut self, entry: &Entry) {
        let Fact::Alerting(AlertingFact::SilenceCreated {
            silence: id,
            matchers,
            starts_at,
            ends_at,
            comment,
            created_by,
        }) = &entry.fact
        else {
            return;
        };
        self.silence_expired(*id, entry.at);
        self.last_silence = self.last_silence.max(id.0);
        let silence = Silence {
            id: *id,
            matchers: matchers.iter().cloned().map(From::<Matcher>::from).collect(),
            starts_at: *starts_at,
            ends_at: *ends_at,
            ended_at: None,
            comment: comment.clone(),
            created_by: created_by.clone(),
            author: entry.actor.clone(),
            updated_at: entry.at,
            begun: false,
            muted: BTreeSet::new(),
            reaching: BTreeMap::new(),
        };
        self.ended_silences.remove(id);
        self.silences.insert(*id, silence);
        self.deadlines.insert((*ends_at, WakeReason::SilenceEnds(*id)));
        if *starts_at <= entry.at {
            self.silence_begins(*id, entry.at);
        } else {
            self.deadlines.insert((*starts_at, WakeReason::SilenceBegins(*id)));
        }
    }

    pub(super) fn silence_begins(&mut self, id: SilenceId, at: Timestamp) {
        let Some(silence) = self.silences.get_mut(&id) else { return };
        self.deadlines.remove(&(silence.starts_at, WakeReason::SilenceBegins(id)));
        silence.begun = true;
        for (fingerprint, alert) in &self.alerts {
            let reached =
                matches!(alert.standing, Standing::Grouped(_)) && silence.matches(&alert.fired.labels);
            if reached && !silence.reaching.contains_key(fingerprint) {
                silence.reaching.insert(*fingerprint, at);
                self.deadlines.insert((at, WakeReason::SilenceReaches(id, *fingerprint)));
            }
        }
    }

    pub(super) fn silence_expired(&mut self, id: SilenceId, at: Timestamp) {
        let Some(mut silence) = self.silences.remove(&id) else { return };
        self.deadlines.remove(&(silence.starts_at, WakeReason::SilenceBegins(id)));
        self.deadlines.remove(&(silence.ends_at, WakeReason::SilenceEnds(id)));
        for (fingerprint, since) in std::mem::take(&mut silence.reaching) {
            self.deadlines.remove(&(since, WakeReason::SilenceReaches(id, fingerprint)));
        }
        for fingerprint in std::mem::take(&mut silence.muted) {
            self.unsettle(fingerprint, at);
        }
        silence.ended_at = Some(at);
        silence.updated_at = at;
        self.ended_silences.insert(id, silence);
        while self.ended_silences.len() > limits::ENDED_SILENCES_MAX {
            self.ended_silences.pop_first();
        }
    }
}
