//! The values of a block's labels, loaded a page at a time and kept while a reader needs them.

use super::footer::{Extent, NameEntry};
use super::read::Block;
use super::{BlockFault, PAGE_VALUES};
use crate::wire::Cursor;

const MISSING: &str = "a series has a label that the block does not have";

/// The values of one page, with the lists of their series.
#[derive(Debug, Default)]
pub(super) struct ValuesPage {
    pub(super) texts: Vec<Box<str>>,
    pub(super) lists: Vec<Extent>,
}

impl ValuesPage {
    /// Takes a page apart.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.count()?;
        let mut offset = cursor.varint()?;
        let mut page = Self { texts: Vec::with_capacity(count), lists: Vec::with_capacity(count) };
        let mut text = String::new();
        for _ in 0..count {
            let shared = usize::try_from(cursor.varint()?).ok()?;
            if !text.is_char_boundary(shared) || shared > text.len() {
                return None;
            }
            text.truncate(shared);
            text.push_str(cursor.text()?);
            if page.texts.last().is_some_and(|before| **before >= *text) {
                return None;
            }
            page.texts.push(text.as_str().into());
            let bytes = u32::try_from(cursor.varint()?).ok()?;
            page.lists.push(Extent { offset, bytes });
            offset = offset.checked_add(u64::from(bytes))?;
        }
        cursor.is_empty().then_some(page)
    }
}

impl Block {
    /// Loads a page of values.
    pub(super) fn values_page(&self, name: usize, number: usize) -> Result<ValuesPage, BlockFault> {
        let extent = self.footer.names.get(name).and_then(|name| name.pages.get(number));
        let (_, extent) = extent.ok_or_else(|| self.damaged("a page of values is missing"))?;
        let bytes = self.part(*extent, "a page of values is not what its checksum says")?;
        ValuesPage::parse(&bytes).ok_or_else(|| self.damaged("a page of values ends within an entry"))
    }
}

/// The values of a block that a reader has met.
#[derive(Debug, Default)]
pub(crate) struct Values {
    pages: Vec<Vec<Option<ValuesPage>>>,
}

impl Values {
    /// Loads the values of these labels, where they are not yet there.
    pub(crate) fn load(&mut self, block: &Block, labels: &[(u32, u32)]) -> Result<(), BlockFault> {
        for (name, value) in labels {
            let (name, page) = (*name as usize, *value as usize / PAGE_VALUES);
            if block.footer.names.get(name).is_none_or(|of| page >= of.pages.len()) {
                return Err(block.damaged(MISSING));
            }
            if self.pages.len() <= name {
                self.pages.resize_with(name + 1, Vec::new);
            }
            let pages = &mut self.pages[name];
            if pages.len() <= page {
                pages.resize_with(page + 1, || None);
            }
            if pages[page].is_none() {
                let loaded = block.values_page(name, page)?;
                if *value as usize % PAGE_VALUES >= loaded.texts.len() {
                    return Err(block.damaged(MISSING));
                }
                pages[page] = Some(loaded);
            }
        }
        Ok(())
    }

    /// The value of a label that was loaded.
    #[inline]
    pub(crate) fn text(&self, (name, value): (u32, u32)) -> &str {
        let page = self.pages.get(name as usize).and_then(|pages| pages.get(value as usize / PAGE_VALUES));
        let page = page.and_then(Option::as_ref);
        page.and_then(|page| page.texts.get(value as usize % PAGE_VALUES)).map_or("", |text| text)
    }
}

impl NameEntry {
    /// The page that has this value, if any has.
    pub(super) fn page_of(&self, value: &str) -> Option<usize> {
        self.pages.partition_point(|(first, _)| **first <= *value).checked_sub(1)
    }
}
