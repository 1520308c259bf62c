//! Lists that are searched: read on until a page is full of what is looked for.

use super::denied::Denied;
use crate::domain::settings::Settings;
use jiff::Timestamp;
use jiff::civil::Date;

/// So many rows are read at once while filtering, and so often, before the caller goes on.
pub const READ: usize = 200;
const ROUNDS: usize = 10;

/// A page as it was read, in the order of the list: the place of each row, and what it is where it
/// fits; and where the list goes on.
pub type Read<T> = (Vec<(String, Option<T>)>, Option<String>);

/// At most `limit` of what fits, and where the list goes on. There may be fewer, and more behind
/// them: only its end ends the list.
pub async fn filled<T, E>(
    mut before: Option<String>,
    limit: usize,
    read: impl AsyncFn(Option<&str>) -> Result<Read<T>, E>,
) -> Result<(Vec<T>, Option<String>), E> {
    let mut found = vec![];
    for _ in 0..ROUNDS {
        let (rows, next) = read(before.as_deref()).await?;
        for (place, fits) in rows {
            found.extend(fits);
            if found.len() == limit {
                return Ok((found, Some(place)));
            }
        }
        before = next;
        if before.is_none() {
            break;
        }
    }
    Ok((found, before))
}

/// When a day of the clinic's begins and when it is over.
pub fn day(settings: &Settings, day: Date) -> Result<(Timestamp, Timestamp), Denied> {
    let begins = |day: Date| day.to_zoned(settings.zone()).map(|begin| begin.timestamp());
    let out_of_range = |_| Denied::invalid("day", "a day of our times, such as 2026-01-31");
    let from = begins(day).map_err(out_of_range)?;
    let to = day.tomorrow().and_then(begins).map_err(out_of_range)?;
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// The numbers below `before`, so many at once, of which every seventh fits.
    async fn sevens(before: Option<&str>, at_once: usize) -> Result<Read<usize>, Infallible> {
        let top = before.map_or(5000, |place| place.parse().expect("a number"));
        let rows: Vec<_> = (0..top).rev().take(at_once).collect();
        let next = rows.last().filter(|last| **last > 0).map(usize::to_string);
        let fits = |n: usize| (n.to_string(), n.is_multiple_of(7).then_some(n));
        Ok((rows.into_iter().map(fits).collect(), next))
    }

    #[tokio::test]
    async fn a_list_that_is_searched_shows_all_that_fits_once_however_its_pages_end() {
        for (limit, at_once) in [(1, 1), (3, 50), (50, 50), (50, 3), (200, 1)] {
            let (mut all, mut before) = (vec![], None);
            loop {
                let read = async |before: Option<&str>| sevens(before, at_once).await;
                let (page, next) = filled(before, limit, read).await.expect("it is read");
                assert!(page.len() <= limit);
                all.extend(page);
                before = next;
                if before.is_none() {
                    break;
                }
            }
            let wanted = (0..5000).rev().filter(|n: &usize| n.is_multiple_of(7));
            assert!(all.into_iter().eq(wanted), "{limit} of {at_once}");
        }
    }
}
