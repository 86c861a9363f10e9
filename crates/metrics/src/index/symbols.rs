//! Label names and values, each text held once while a pair uses it.

use xxhash_rust::xxh3::xxh3_64;

use super::table::Table;

/// A text's number; it may come to mean another text when nothing uses the first one any more.
pub(crate) type Symbol = u32;

/// Texts by number, and numbers by text.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    texts: Vec<Box<str>>,
    uses: Vec<u32>,
    free: Vec<Symbol>,
    by_text: Table,
    bytes: u64,
}

fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

impl Symbols {
    /// The text of a symbol in use.
    #[inline]
    pub(crate) fn text(&self, symbol: Symbol) -> &str {
        &self.texts[symbol as usize]
    }

    /// The symbol of a text that something uses.
    pub(crate) fn find(&self, text: &str) -> Option<Symbol> {
        self.by_text.find(hash(text), |symbol| self.text(symbol) == text)
    }

    /// The symbol of a text, which is used once more.
    pub(crate) fn take(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.find(text) {
            self.uses[symbol as usize] += 1;
            return symbol;
        }
        self.bytes += text.len() as u64;
        let symbol = match self.free.pop() {
            Some(symbol) => {
                self.texts[symbol as usize] = text.into();
                self.uses[symbol as usize] = 1;
                symbol
            }
            None => {
                self.texts.push(text.into());
                self.uses.push(1);
                (self.texts.len() - 1) as Symbol
            }
        };
        let texts = &self.texts;
        self.by_text.insert(hash(text), symbol, |symbol| hash(&texts[symbol as usize]));
        symbol
    }

    /// One use less; without any the text goes.
    pub(crate) fn release(&mut self, symbol: Symbol) {
        let uses = &mut self.uses[symbol as usize];
        *uses -= 1;
        if *uses > 0 {
            return;
        }
        let text = std::mem::take(&mut self.texts[symbol as usize]);
        self.by_text.remove(hash(&text), symbol);
        self.bytes -= text.len() as u64;
        self.free.push(symbol);
    }

    /// How many texts there are, and their bytes.
    pub(crate) fn size(&self) -> (u64, u64) {
        ((self.texts.len() - self.free.len()) as u64, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_as_long_as_it_is_used() {
        let mut symbols = Symbols::default();
        let (a, b, again) = (symbols.take("a"), symbols.take("b"), symbols.take("a"));
        assert_eq!((a, symbols.text(b), symbols.size()), (again, "b", (2, 2)));
        symbols.release(a);
        assert_eq!(symbols.find("a"), Some(a));
        symbols.release(a);
        assert_eq!((symbols.find("a"), symbols.size()), (None, (1, 1)));
        let c = symbols.take("c");
        assert_eq!((symbols.find("c"), symbols.find("b")), (Some(c), Some(b)));
    }
}
