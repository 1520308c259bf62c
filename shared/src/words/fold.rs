//! Names as people type them: without accents, marks, case or order, so that who looks for a person
//! finds them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The words of a name, each in the letters by which it is looked for: `José O’Brien-Smith` is
/// `jose`, `obrien`, `smith`.
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.nfkd().filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            letter if letter.is_alphanumeric() => {
                let word = words.last_mut().expect("there is one");
                letter.to_lowercase().for_each(|letter| plain(word, letter));
            }
            // Within a word, and left out as often as not.
            '\'' | '’' | '‘' | 'ʼ' | '`' => {}
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A text in the letters by which it is compared.
pub fn folded(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).collect()
}

/// The digits of a number, whatever stands between them.
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Letters that are no other letter with a mark, as those write them who lack the key.
fn plain(word: &mut String, letter: char) {
    match letter {
        'ß' => word.push_str("ss"),
        'æ' => word.push_str("ae"),
        'œ' => word.push_str("oe"),
        'þ' => word.push_str("th"),
        'ø' => word.push('o'),
        'ł' => word.push('l'),
        'đ' | 'ð' => word.push('d'),
        'ħ' => word.push('h'),
        'ı' => word.push('i'),
        // A capital `İ` leaves a dot behind.
        letter if is_combining_mark(letter) => {}
        letter => word.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_typed() {
        for (name, wanted) in [
            ("José Núñez", "jose nunez"),
            ("Jose\u{301} Nu\u{301}n\u{303}ez", "jose nunez"),
            ("O'Brien", "obrien"),
            ("O’Brien", "obrien"),
            ("Anne-Marie  SMITH", "anne marie smith"),
            ("Groß, Åse", "gross ase"),
            ("Łukasz Ørsted", "lukasz orsted"),
            ("İpek Yıldız", "ipek yildiz"),
            ("ﬁona Ⅳ", "fiona iv"),
            ("J. R. R. Tolkien", "j r r tolkien"),
            ("王 小明", "王 小明"),
            ("Ελένη", "ελενη"),
            (" \t-' ", ""),
        ] {
            assert_eq!(words(name).join(" "), wanted, "{name}");
        }
    }

    #[test]
    fn an_address_and_a_number_are_compared_without_what_people_vary() {
        assert_eq!(folded(" Juniper@Example.ORG "), "juniper@example.org");
        assert_eq!(digits("+61 (3) 7010-0142"), "61370100142");
    }
}
