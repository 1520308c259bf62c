//! Why vendors say no, as tables of their words: data beside an adapter, without logic.

use crate::domain::fact::Decline;

/// A vendor's words by what they mean. A line that begins without a blank names a class, as
/// [`Decline::name`] does; each line below it is one word of the vendor's; `#` begins what is only
/// for readers. A word that stands nowhere has no class.
pub struct Declines(pub &'static str);

impl Declines {
    /// The class of this word, whatever the table calls it.
    pub fn class(&self, word: &str) -> Option<&'static str> {
        let mut class = None;
        for line in self.0.lines().filter(|line| !line.starts_with('#')) {
            match line.strip_prefix(' ') {
                None => class = Some(line),
                Some(known) if known.trim_start() == word => return class,
                Some(_) => {}
            }
        }
        None
    }

    /// What this word means for another try.
    pub fn of(&self, word: &str) -> Option<Decline> {
        Decline::read(self.class(word)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Declines =
        Declines("# Source: none.\nfunds\n too little\n  less\nclinic\n not set up\n");

    #[test]
    fn a_word_has_the_class_above_it_and_no_other() {
        assert_eq!(TABLE.of("too little"), Some(Decline::Funds));
        assert_eq!(TABLE.of("less"), Some(Decline::Funds));
        assert_eq!(TABLE.class("not set up"), Some("clinic"));
        assert_eq!(TABLE.of("not set up"), None, "no class of declines");
        for none in ["", "funds", "too", "# Source: none."] {
            assert_eq!(TABLE.class(none), None, "{none:?}");
        }
    }
}
