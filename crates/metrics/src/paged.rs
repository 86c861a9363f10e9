//! Things by a dense number that is never used twice: pages that go when their last thing goes.
//!
//! Things that came together mostly leave together, so memory follows what lives and not what ever lived.

/// Things of one page.
pub(crate) const PAGE: usize = 256;

/// Things by number.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    pages: Vec<Option<Page<T>>>,
    len: usize,
}

#[derive(Debug)]
struct Page<T> {
    items: Box<[Option<T>]>,
    live: u16,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Paged<T> {
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new(), len: 0 }
    }

    /// How many things there are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.pages.get(at as usize / PAGE)?.as_ref()?.items[at as usize % PAGE].as_ref()
    }

    /// The thing at this number, made where there is none.
    #[inline]
    pub(crate) fn get_or_insert_with(&mut self, at: u32, make: impl FnOnce() -> T) -> &mut T {
        let (page, item) = (at as usize / PAGE, at as usize % PAGE);
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page].get_or_insert_with(|| Page {
            items: std::iter::repeat_with(|| None).take(PAGE).collect(),
            live: 0,
        });
        let slot = &mut page.items[item];
        if slot.is_none() {
            page.live += 1;
            self.len += 1;
        }
        slot.get_or_insert_with(make)
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let slot = self.pages.get_mut(at as usize / PAGE)?;
        let page = slot.as_mut()?;
        let removed = page.items[at as usize % PAGE].take()?;
        page.live -= 1;
        self.len -= 1;
        if page.live == 0 {
            *slot = None;
        }
        Some(removed)
    }

    /// Everything, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pages.iter().enumerate().filter_map(|(number, page)| Some((number, page.as_ref()?))).flat_map(
            |(number, page)| {
                let first = (number * PAGE) as u32;
                (first..).zip(&page.items).filter_map(|(at, item)| Some((at, item.as_ref()?)))
            },
        )
    }

    /// Everything, by number, to change.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let pages = self.pages.iter_mut().enumerate();
        pages.filter_map(|(number, page)| Some((number, page.as_mut()?))).flat_map(|(number, page)| {
            let first = (number * PAGE) as u32;
            (first..).zip(&mut page.items).filter_map(|(at, item)| Some((at, item.as_mut()?)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_with_its_last_thing_and_its_numbers_stay_apart() {
        let mut paged = Paged::new();
        for at in [0, 255, 256, 70_000] {
            paged.get_or_insert_with(at, || at);
        }
        assert_eq!(
            paged.iter().map(|(at, item)| (at, *item)).collect::<Vec<_>>(),
            [(0, 0), (255, 255), (256, 256), (70_000, 70_000)]
        );
        assert_eq!(paged.remove(256), Some(256));
        assert_eq!(paged.remove(256), None);
        assert!(paged.pages[1].is_none() && paged.pages[0].is_some());
        assert_eq!(
            (paged.len(), paged.get(255), paged.get(1), paged.get(9_999_999)),
            (3, Some(&255), None, None)
        );
    }
}
