//! Who sends series, and how many of them each has.

/// A source's number. The first one has no name: it is whoever does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SourceId(u16);

/// Sources by number. They are few: a tenant, a scrape job, a sender.
#[derive(Debug)]
pub(crate) struct Sources(Vec<(Box<str>, u32)>);

impl Default for Sources {
    fn default() -> Self {
        Self(vec![(Box::default(), 0)])
    }
}

impl Sources {
    /// The number of a source, given where it has none; without a number left it counts as the one without a name.
    pub(super) fn id(&mut self, name: &str) -> SourceId {
        if let Some(found) = self.find(name) {
            return found;
        }
        match u16::try_from(self.0.len()) {
            Ok(number) => {
                self.0.push((name.into(), 0));
                SourceId(number)
            }
            Err(_) => SourceId::default(),
        }
    }

    /// The number of a source that has one.
    pub(crate) fn find(&self, name: &str) -> Option<SourceId> {
        self.0.iter().position(|(known, _)| &**known == name).map(|number| SourceId(number as u16))
    }

    /// The name of a source.
    pub(crate) fn name(&self, source: SourceId) -> &str {
        &self.0[usize::from(source.0)].0
    }

    /// How many series a source has.
    pub(crate) fn series(&self, source: SourceId) -> usize {
        self.0[usize::from(source.0)].1 as usize
    }

    /// Every source with its series.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, series)| (&**name, u64::from(*series)))
    }

    pub(super) fn add(&mut self, source: SourceId) {
        self.0[usize::from(source.0)].1 += 1;
    }

    pub(super) fn release(&mut self, source: SourceId) {
        self.0[usize::from(source.0)].1 -= 1;
    }
}
