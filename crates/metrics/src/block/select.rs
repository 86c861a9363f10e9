//! From matchers to the series of a block; as `index::select` does in memory.

use promql::Matcher;

use super::footer::{Extent, NameEntry};
use super::{Block, BlockFault};
use crate::companions::{Kind, RESERVED_LABEL};
use crate::index::{intersect, positive_literals, subtract, unite};
use crate::wire::Cursor;

impl Block {
    /// The series of this kind that all matchers mean, by number.
    pub(crate) fn select(&self, matchers: &[Matcher], kind: Kind) -> Result<Vec<u32>, BlockFault> {
        let has_starts = self.name(RESERVED_LABEL).is_some();
        if kind == Kind::Starts && !has_starts {
            return Ok(Vec::new());
        }
        let mut found = self.select_all(matchers)?;
        if kind != Kind::All && has_starts && !found.is_empty() {
            let starts = self.lists_where(RESERVED_LABEL, |_| true)?;
            if kind == Kind::Starts { intersect(&mut found, &starts) } else { subtract(&mut found, &starts) }
        }
        Ok(found)
    }

    fn select_all(&self, matchers: &[Matcher]) -> Result<Vec<u32>, BlockFault> {
        let (mut required, excluding): (Vec<_>, Vec<_>) =
            matchers.iter().partition(|matcher| !matcher.matches_absent());
        required.sort_by_key(|matcher| positive_literals(matcher).map_or(usize::MAX, <[String]>::len));
        let mut found: Option<Vec<u32>> = None;
        for matcher in required {
            let listed = match positive_literals(matcher) {
                Some(literals) => self.lists_of(matcher.name(), literals)?,
                None => self.lists_where(matcher.name(), |value| matcher.matches(value))?,
            };
            let narrowed = match found {
                None => listed,
                Some(mut found) => {
                    intersect(&mut found, &listed);
                    found
                }
            };
            if narrowed.is_empty() {
                return Ok(Vec::new());
            }
            found = Some(narrowed);
        }
        let mut found = found.unwrap_or_else(|| (0..self.footer.series).collect());
        for matcher in excluding {
            let unlisted = match (matcher.op().is_negative(), matcher.literals()) {
                (true, Some(literals)) => self.lists_of(matcher.name(), literals)?,
                _ => self.lists_where(matcher.name(), |value| !matcher.matches(value))?,
            };
            subtract(&mut found, &unlisted);
        }
        Ok(found)
    }

    /// The number of a name.
    pub(crate) fn name(&self, name: &str) -> Option<usize> {
        self.footer.names.binary_search_by(|entry| (*entry.text).cmp(name)).ok()
    }

    fn lists_of(&self, name: &str, values: &[String]) -> Result<Vec<u32>, BlockFault> {
        let Some(name) = self.name(name) else { return Ok(Vec::new()) };
        let mut values: Vec<&String> = values.iter().collect();
        values.sort_unstable();
        values.dedup();
        let mut lists = Vec::new();
        for value in values {
            let Some(page) = NameEntry::page_of(&self.footer.names[name], value) else { continue };
            let page = self.values_page(name, page)?;
            if let Ok(at) = page.texts.binary_search_by(|text| (**text).cmp(value)) {
                lists.push(self.list(page.lists[at])?);
            }
        }
        Ok(unite(lists.iter().map(Vec::as_slice)).into_owned())
    }

    fn lists_where(&self, name: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<u32>, BlockFault> {
        let Some(name) = self.name(name) else { return Ok(Vec::new()) };
        let mut lists = Vec::new();
        for number in 0..self.footer.names[name].pages.len() {
            let page = self.values_page(name, number)?;
            for (text, list) in page.texts.iter().zip(&page.lists) {
                if wanted(text) {
                    lists.push(self.list(*list)?);
                }
            }
        }
        Ok(unite(lists.iter().map(Vec::as_slice)).into_owned())
    }

    fn list(&self, extent: Extent) -> Result<Vec<u32>, BlockFault> {
        let part = self.part(extent, "a list of series is not what its checksum says")?;
        let mut cursor = Cursor::new(&part);
        let mut read = || {
            let count = usize::try_from(cursor.varint()?).ok()?;
            let (mut list, mut last) = (Vec::with_capacity(count.min(part.len())), 0_u32);
            for _ in 0..count {
                last = last.checked_add(u32::try_from(cursor.varint()?).ok()?)?;
                list.push(last);
            }
            (last < self.footer.series || count == 0).then_some(list)
        };
        read().ok_or_else(|| self.damaged("a list of series ends within an entry"))
    }

    /// All values of a name, sorted.
    pub(crate) fn all_values(&self, name: usize) -> Result<Vec<Box<str>>, BlockFault> {
        let mut values = Vec::new();
        for number in 0..self.footer.names[name].pages.len() {
            values.extend(self.values_page(name, number)?.texts);
        }
        if !values.is_sorted_by(|a, b| a < b) {
            return Err(self.damaged("the values of a label are not sorted"));
        }
        Ok(values)
    }
}
